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
    assert "lacks" in printed
    assert "h100-sxm" in printed


@pytest.mark.parametrize(
    ("model", "gpus", "context", "says"),
    [
        ("llama-9", [], 2048, "no LLM is called"),
        ("llama-3.1-8b", ["h10"], 2048, "no GPU is called"),
        ("llama-3.1-8b", ["l4"], 0, "context"),
    ],
)
def test_a_name_that_is_not_there_is_refused(
    model: str, gpus: list[str], context: int, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        fit_command(model, Console(), gpus, context)
