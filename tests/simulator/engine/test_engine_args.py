"""Engine arguments are vLLM's, by name, by default and in what they do."""

from pathlib import Path
from typing import Any

import pytest

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator import Scenario, simulate
from simulator.engine.engine_args import EngineArgs
from simulator.physics.layout import Layout
from simulator.physics.memory import num_gpu_blocks
from simulator.physics.sharding import attention_layers
from workloads.llm import LLM
from workloads.trace import Trace

LLAMA = LLM.named("llama-3.1-8b")


@pytest.mark.parametrize(
    ("gpu", "tokens", "seqs"),
    [
        ("h100-sxm", 8192, 1024),
        ("h200", 8192, 1024),
        ("b200", 16384, 1024),
        ("mi300x", 16384, 1024),
        ("a100-80gb", 2048, 256),
        ("l4", 2048, 256),
        ("l40s", 2048, 256),
    ],
)
def test_batch_sizes_follow_the_memory_of_the_gpu(gpu: str, tokens: int, seqs: int) -> None:
    args = EngineArgs().resolved(GPU.named(gpu), LLAMA)
    assert (args.max_num_batched_tokens, args.max_num_seqs) == (tokens, seqs)


def test_a_version_is_a_profile() -> None:
    old, new = (
        EngineArgs.parse(name).resolved(GPU.named("h100-sxm"), LLAMA)
        for name in ("vllm-0.15", "vllm-0.32")
    )
    assert (old.gpu_memory_utilization, new.gpu_memory_utilization) == (0.90, 0.92)
    assert not old.scheduler_reserve_full_isl
    assert new.scheduler_reserve_full_isl
    assert old.async_scheduling
    assert new.async_scheduling


def test_what_is_given_wins_over_the_profile() -> None:
    given = {"profile": "vllm-0.32", "gpu_memory_utilization": 0.5, "lone_request_unbound": False}
    args = EngineArgs.parse(given).resolved(GPU.named("l4"), LLAMA)
    assert args.gpu_memory_utilization == 0.5
    assert args.lone_request_unbound is False
    assert args.unhashed_blocks_first is True


def test_a_shorter_max_model_len_reaches_the_memory_and_the_models_own_does_not() -> None:
    l4, gpt = GPU.named("l4"), LLM.named("gpt-oss-20b")

    def layout(length: int | None, model: LLM = LLAMA) -> Layout:
        return EngineArgs(max_model_len=length).resolved(l4, model).layout(model)

    assert layout(4096).max_model_len == 4096
    assert layout(None).max_model_len is None
    assert layout(131072).max_model_len is None
    assert num_gpu_blocks(LLAMA, l4, layout(4096)) == num_gpu_blocks(LLAMA, l4, layout(None))
    with pytest.raises(InputError, match="does not fit"):  # a promise that cannot be kept
        num_gpu_blocks(LLAMA, l4, layout(100_000))
    # A window is one only below the longest sequence.
    assert attention_layers(gpt, layout(4096, gpt).max_model_len) == (12, 12)
    assert attention_layers(gpt, layout(128, gpt).max_model_len) == (24, 0)


VLLM_CONFIG = """\
model: meta-llama/Llama-3.1-8B-Instruct
host: 127.0.0.1
port: 8000
uvicorn-log-level: info
tensor-parallel-size: 2
max-model-len: 16384
max-num-seqs: 64
max-num-batched-tokens: 4096
gpu-memory-utilization: 0.85
enable-prefix-caching: false
kv-cache-dtype: fp8
scheduling-policy: priority
speculative-config: {method: ngram, num_speculative_tokens: 4}
"""


def test_a_vllm_config_is_accepted_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(VLLM_CONFIG)
    (tmp_path / "s.yaml").write_text(
        "traffic: steady-chat\nmodel: llama-3.1-8b\ngpu: h100-sxm\nengine: config.yaml\n"
    )
    engine = Scenario.from_file(tmp_path / "s.yaml").engine
    assert engine.tensor_parallel_size == 2
    assert engine.max_num_batched_tokens == 4096
    assert engine.scheduling_policy == "priority"
    assert engine.kv_cache_dtype == "fp8"
    assert engine.enable_prefix_caching is False
    assert engine.speculative_config is not None
    assert engine.speculative_config.num_speculative_tokens == 4


OTHER_SPELLINGS = """\
no-enable-prefix-caching: true
max-model-len: 16k
max-num-batched-tokens: 8K
speculative-config: '{"num_speculative_tokens": 3, "method": "ngram"}'
swap-space: 4
limit-mm-per-prompt: {image: 2}
kv-transfer-config: null
cudagraph-capture-sizes: [1, 2, 4]
"""


def engine_from(folder: Path, config: str) -> EngineArgs:
    (folder / "config.yaml").write_text(config)
    (folder / "s.yaml").write_text(
        "traffic: steady-chat\nmodel: llama-3.1-8b\ngpu: h100-sxm\nengine: config.yaml\n"
    )
    return Scenario.from_file(folder / "s.yaml").engine


def test_vllms_other_spellings_are_understood(tmp_path: Path) -> None:
    engine = engine_from(tmp_path, OTHER_SPELLINGS)
    assert engine.enable_prefix_caching is False
    assert (engine.max_model_len, engine.max_num_batched_tokens) == (16_000, 8_192)
    assert engine.speculative_config is not None
    assert engine.speculative_config.num_speculative_tokens == 3


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("max-num-batched-tokens: 64\nmax-num-sqs: 3\n", r"config\.yaml:2: .*max-num-sqs"),
        ("max-model-len: 100\nmax-num-seqs: 0\n", r"config\.yaml:2: max-num-seqs: "),
        ("max-num-seqs: 4\nmax_num_seqs: 5\n", "given twice"),
        ("speculative-config: '{num'\n", "not JSON"),
    ],
)
def test_an_error_in_a_vllm_config_names_that_file(tmp_path: Path, config: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        engine_from(tmp_path, config)


@pytest.mark.parametrize(
    ("given", "gpu", "refused"),
    [
        ({"max_num_batched_tokens": 256, "max_num_seqs": 257}, "h100-sxm", True),
        ({"max_num_batched_tokens": 256, "max_num_seqs": 256}, "h100-sxm", False),
        ({"max_num_seqs": 2049}, "l4", True),  # of 2,048 tokens, the default on this GPU
        ({"max_num_seqs": 2049}, "h100-sxm", False),
        ({"max_num_batched_tokens": 64}, "h100-sxm", False),  # sequences not given: 64 too
    ],
)
def test_a_step_of_fewer_tokens_than_sequences_is_refused_as_vllm_does(
    given: dict[str, int], gpu: str, refused: bool
) -> None:
    scenario = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": gpu, "engine": given}
    if not refused:
        engine = Scenario.parse(scenario).engine
        assert engine.max_num_seqs is not None
        assert engine.max_num_seqs <= (engine.max_num_batched_tokens or 0)
        return
    with pytest.raises(InputError, match=r"must be at least max_num_seqs \(\d+\)"):
        Scenario.parse(scenario)


def test_without_chunking_a_budget_below_the_longest_request_is_refused() -> None:
    engine = {"enable_chunked_prefill": False, "max_num_batched_tokens": 300}
    with pytest.raises(InputError, match="max_model_len"):
        Scenario.parse(
            {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "l4", "engine": engine}
        )


def test_a_data_parallel_rank_is_a_replica() -> None:
    base = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "l4"}
    two = {**base, "engine": {"data_parallel_size": 2}}
    with pytest.raises(InputError, match="replicas: 1 is no multiple"):
        Scenario.parse(two)
    assert Scenario.parse({**two, "replicas": 4}).gpus_per_replica == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("vllm-0.51", "vllm-0.15"),
        ({"max_num_sqes": 3}, "max_num_seqs"),
        ({"max_num_seqs": 0}, "max_num_seqs"),
        ({"max_num_seqs": -1}, "max_num_seqs"),
        ({"max_num_seqs": "many"}, "max_num_seqs"),
        ({"gpu_memory_utilization": 1.5}, "gpu_memory_utilization"),
        ({"gpu_memory_utilization": float("nan")}, "gpu_memory_utilization"),
        ({"num_gpu_blocks_override": 1}, "num_gpu_blocks_override"),
        ({"scheduling_policy": "lifo"}, "scheduling_policy"),
        ({"watermark": 1.0}, "watermark"),
        ({"speculative_config": {"num_speculative_tokens": 0}}, "num_speculative_tokens"),
        (
            {"speculative_config": {"num_speculative_tokens": 2, "acceptance_rate": 1.1}},
            "acceptance_rate",
        ),
        (
            {"enable_chunked_prefill": False, "max_num_batched_tokens": 10, "max_model_len": 20},
            "max_model_len",
        ),
    ],
)
def test_a_wrong_argument_is_told_by_name(args: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        EngineArgs.parse(args)


def run(trace: Trace, **engine: Any) -> Any:
    return simulate(
        Scenario.parse(
            {
                "traffic": "steady-chat",
                "model": "llama-3.1-8b",
                "gpu": "h100-sxm",
                "engine": engine,
                "step_time": {"kind": "linear", "c0": 0.01, "c_tok": 1e-5},
            }
        ),
        trace,
    )


def test_a_request_longer_than_max_model_len_is_refused_and_the_rest_served() -> None:
    trace = Trace.from_columns([0.0, 0.0, 1.0], [100, 900, 100], [10, 200, 10])
    requests = run(trace, max_model_len=1000).requests
    assert requests["outcome"].to_list() == ["completed", "rejected", "completed"]
    assert requests["generated_tokens"].to_list() == [10, 0, 10]


def test_a_request_larger_than_the_cache_is_told_before_the_run() -> None:
    trace = Trace.from_columns([0.0], [900], [200])
    with pytest.raises(InputError, match=r"request 0 of 1100 tokens needs 69 KV blocks"):
        run(trace, num_gpu_blocks_override=60)


def test_a_prompt_is_chunked_by_the_budget_and_by_the_threshold() -> None:
    trace = Trace.from_columns([0.0, 0.0], [1000, 10], [2, 2])
    by_budget = run(trace, max_num_batched_tokens=256).chunks
    assert by_budget[by_budget["request"] == 0]["tokens"].to_list() == [256, 256, 256, 232]
    by_threshold = run(trace, long_prefill_token_threshold=400).chunks
    assert by_threshold[by_threshold["request"] == 0]["tokens"].to_list() == [400, 400, 200]


def test_without_chunking_a_prompt_waits_for_a_step_it_fits_in() -> None:
    trace = Trace.from_columns([0.0, 0.0], [700, 700], [3, 3])
    chunks = run(
        trace, enable_chunked_prefill=False, max_num_batched_tokens=1000, max_model_len=900
    ).chunks
    assert chunks["tokens"].to_list() == [700, 700]
    assert chunks["step"].nunique() == 2


def test_no_more_run_at_once_than_max_num_seqs() -> None:
    trace = Trace.from_columns([0.0] * 9, [20] * 9, [30] * 9)
    assert run(trace, max_num_seqs=4).steps["running"].max() == 4


def test_priority_goes_first() -> None:
    trace = Trace.from_columns([0.0] * 3, [20] * 3, [30] * 3, priority=[5, 1, 3])
    started = run(trace, max_num_seqs=1, scheduling_policy="priority").requests["scheduled_s"]
    assert started.argsort().to_list() == [1, 2, 0]


def test_asynchronous_scheduling_makes_an_arrival_wait_for_one_step_more() -> None:
    # The first request decodes alone; the second arrives in the middle of a 10 ms step.
    trace = Trace.from_columns([0.0, 0.105], [16, 16], [50, 2])
    ttft = {mode: run(trace, async_scheduling=mode).requests["ttft_s"][1] for mode in (False, True)}
    assert ttft[True] - ttft[False] == pytest.approx(0.01, rel=0.05)


def test_more_memory_makes_more_blocks() -> None:
    def blocks(share: float) -> int:
        data = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm"}
        engine = {"gpu_memory_utilization": share}
        return Scenario.parse({**data, "engine": engine}).num_gpu_blocks()

    assert blocks(0.5) < blocks(0.8) < blocks(0.95)
