"""`servecast fit`: where a model fits, and what is missing where it does not."""

import pytest
from rich.console import Console

from experiments.fit_table import fit_command, fit_table
from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from workloads.llm import LLM

GPUS = [GPU.named(name) for name in ("l4", "h100-sxm", "b200")]


def row(model: str, gpu: str, tensor: int, weights: str, context: int = 2048):  # type: ignore[no-untyped-def]
    table = fit_table(LLM.named(model), GPUS, context)
    mine = table[
        (table["gpu"] == gpu)
        & (table["tensor_parallel_size"] == tensor)
        & (table["weights"] == weights)
    ]
    return mine.iloc[0]


def test_a_70b_model_fits_on_two_h100_and_not_on_one() -> None:
    assert not row("llama-3.1-70b", "h100-sxm", 1, "bf16")["fits"]
    assert row("llama-3.1-70b", "h100-sxm", 1, "bf16")["free_gib"] < -55
    assert row("llama-3.1-70b", "h100-sxm", 4, "bf16")["fits"]
    assert row("llama-3.1-70b", "b200", 1, "bf16")["fits"]


def test_lighter_weights_and_more_gpus_leave_more_cache() -> None:
    tokens = [row("llama-3.1-8b", "h100-sxm", 1, w)["kv_tokens"] for w in ("bf16", "fp8", "int4")]
    assert tokens == sorted(tokens)
    assert row("llama-3.1-8b", "h100-sxm", 2, "bf16")["kv_tokens"] > 2 * tokens[0]


def test_requests_at_once_are_tokens_over_context() -> None:
    one = row("llama-3.1-8b", "h100-sxm", 1, "bf16", context=1000)
    assert one["requests"] == one["kv_tokens"] // 1000


def test_a_checkpoint_is_not_offered_wider_than_it_is() -> None:
    table = fit_table(LLM.named("deepseek-v3"), GPUS, 2048)
    assert "bf16" not in set(table["weights"])
    assert set(fit_table(LLM.named("gpt-oss-20b"), GPUS, 2048)["weights"]) == {"mxfp4"}


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    fit_command("llama-3.1-70b", Console(width=120), gpus=["l4", "h100-sxm"])
    printed = capsys.readouterr().out
    assert "-113.4 GiB" in printed
    assert "h100-sxm" in printed


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_whole_table_is_whole_at_every_width(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    fit_command("llama-3.1-405b", Console(width=width))
    printed = capsys.readouterr().out
    assert "…" not in printed
    assert "Does not fit with TP 1, 2, 4, 8 on: a10," in printed
    assert max(map(len, printed.splitlines())) <= width


def test_windows_count_at_short_contexts() -> None:
    h100 = [GPU.named("h100-sxm")]
    short, long = (
        fit_table(LLM.named("gemma-3-27b"), h100, context, [8], ["bf16"]).iloc[0]
        for context in (1024, 32768)
    )
    assert long["kv_tokens"] > 4 * short["kv_tokens"]
    assert short["requests"] < 7 * long["requests"]


def test_precision_split_and_cache_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = {"gpus": ["H100 NVL"], "tensor_sizes": [2], "precisions": ["awq"]}
    wide = fit_command("meta-llama/Llama-3.3-70B-Instruct", Console(), **chosen)  # type: ignore[arg-type]
    narrow = fit_command("llama-3.1-70b", Console(), **chosen, kv_cache_dtype="fp8")  # type: ignore[arg-type]
    assert list(wide["weights"]) == ["int4"]
    assert narrow["kv_tokens"].item() == pytest.approx(2 * wide["kv_tokens"].item(), rel=1e-3)
    assert "h100-nvl" in capsys.readouterr().out


def test_a_model_that_fits_nowhere_shows_what_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit_command("kimi-k2", Console(), tensor_sizes=[1], precisions=["fp8"])
    printed = capsys.readouterr().out
    assert "Does not fit" not in printed
    assert printed.count("GiB") >= len(GPU.names())


def test_a_chip_before_ampere_is_not_offered_fp8() -> None:
    table = fit_table(LLM.named("llama-3.1-8b"), [GPU.named("t4")], 2048)
    assert set(table["weights"]) == {"bf16", "int4"}


@pytest.mark.parametrize(
    ("model", "gpus", "context", "says"),
    [
        ("llama-9", [], 2048, "no LLM is called"),
        ("llama-3.1-8b", ["h10"], 2048, "no GPU is called"),
        ("llama-3.1-8b", ["l4"], 0, "context"),
        ("llama-3.1-8b", ["l4"], 10**12, "context"),
        ("", [], 2048, "no LLM is called ''"),
        ("nowhere/config.json", [], 2048, "cannot be read"),
    ],
)
def test_a_name_that_is_not_there_is_refused(
    model: str, gpus: list[str], context: int, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        fit_command(model, Console(), gpus, context)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tensor_sizes": [3, 5]}, "cannot be cut into 3, 5"),
        ({"precisions": ["fp9"]}, "quantization 'fp9' is not known"),
        ({"kv_cache_dtype": "int3"}, "kv_cache_dtype 'int3' is not known"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        fit_command("llama-3.1-8b", Console(), ["l4"], 2048, **options)  # type: ignore[arg-type]
