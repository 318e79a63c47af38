"""Each request is charged the time it caused, and nothing is left over."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.economics.attribution import attribute
from simulator.economics.stays import stay_seconds
from simulator.physics.work import StepWork
from simulator.record.runs import Runs
from simulator.step_time_model import Linear
from tests.support.shapley import shapley
from tests.support.toy_run import toy_run

COLUMNS = ["prefill_gpu_s", "cached_gpu_s", "recompute_gpu_s", "decode_gpu_s"]


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_the_parts_are_the_time_in_steps_to_the_last_digit(seed: int) -> None:
    toy = toy_run(seed, requests=50, horizon=5.0)
    steps = toy.result.steps
    gpus = toy.result.replicas.set_index("replica")["gpus"].reindex(steps["replica"]).to_numpy()
    busy = ((steps["end_s"] - steps["start_s"]).to_numpy() * gpus).sum()
    assert attribute(toy.result).to_numpy().sum() == pytest.approx(busy, rel=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_each_request_is_charged_what_was_noted_step_by_step(seed: int) -> None:
    toy = toy_run(seed, requests=120)
    found = attribute(toy.result)
    gpus = np.array([1 + max(job.replica, 0) for job in toy.jobs])
    prefill = np.array([job.cost_prefill for job in toy.jobs]) * gpus
    decode = np.array([job.cost for job in toy.jobs]) * gpus - prefill
    assert found["decode_gpu_s"].to_numpy() == pytest.approx(decode, abs=1e-12)
    assert found[COLUMNS[:3]].sum(axis=1).to_numpy() == pytest.approx(prefill, abs=1e-12)


def test_nobody_is_charged_less_than_nothing() -> None:
    assert (attribute(toy_run(3).result) >= 0).all(axis=None)


def test_who_was_never_preempted_recomputes_nothing() -> None:
    toy = toy_run(4)
    never = toy.result.requests["preemptions"] == 0
    found = attribute(toy.result)["recompute_gpu_s"]
    assert (found[never] == 0).all()
    assert found[~never].sum() > 0


def test_who_was_never_served_is_charged_nothing() -> None:
    toy = toy_run(5, requests=100)
    rejected = toy.result.requests["outcome"] == "rejected"
    assert rejected.any()
    assert (attribute(toy.result)[rejected] == 0).all(axis=None)


def test_a_run_in_which_nothing_happened_is_attributed_to_nobody() -> None:
    assert attribute(toy_run(0, requests=0).result).shape == (0, 4)


@given(
    st.lists(st.integers(0, 5000), min_size=3, max_size=3),
    st.tuples(*[st.floats(0, 1e-2)] * 4),
)
def test_the_affine_split_is_the_shapley_value(
    contexts: list[int], coefficients: tuple[float, float, float, float]
) -> None:
    """Three decoding requests; brute force over the orders in which they could have joined."""
    c0, c_tok, c_ctx, c_seq = coefficients
    model = Linear(c0=c0, c_tok=c_tok, c_ctx=c_ctx * 1e-4, c_seq=c_seq)

    def seconds(together: frozenset[int]) -> float:
        if not together:
            return 0.0
        work = StepWork(
            decode_seqs=len(together), decode_context=sum(contexts[i] for i in together)
        )
        return float(model.seconds(work))

    shares = model.shares(StepWork(decode_seqs=3, decode_context=sum(contexts)))
    flat = shares.per_seq_s + shares.per_decode_token_s
    split = [flat + shares.per_context_s * context for context in contexts]
    assert split == pytest.approx(shapley(3, seconds), abs=1e-12)
    assert sum(split) == pytest.approx(seconds(frozenset(range(3))), abs=1e-12)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
    st.data(),
)
def test_running_sums_are_the_sum_step_by_step(lengths: list[int], data: st.DataObject) -> None:
    total = sum(lengths)
    first = data.draw(st.integers(0, total - 1))
    last = data.draw(st.integers(first, total - 1))
    context = data.draw(st.integers(0, 10_000))
    rng = np.random.default_rng(total)
    flat, slope = rng.uniform(0, 1, len(lengths)), rng.uniform(0, 1e-3, len(lengths))
    runs = _runs(lengths)
    row = np.repeat(np.arange(len(lengths)), lengths)
    expected = sum(
        flat[row[s]] + slope[row[s]] * (context + s - first) for s in range(first, last + 1)
    )
    found = stay_seconds(runs, flat, slope, *(np.array([x]) for x in (first, last, context)))
    assert found == pytest.approx([expected], rel=1e-10)


def _runs(lengths: list[int]) -> Runs:
    n = np.array(lengths)
    end = np.cumsum(n).astype(float)
    return Runs.of(
        pd.DataFrame(
            {
                "replica": 0,
                "first_step": np.cumsum(n) - n,
                "num_steps": n,
                "start_s": end - n,
                "end_s": end,
                "first_step_s": 1.0,
            }
        )
    )


def test_steps_that_leave_a_number_out_are_refused() -> None:
    table = _runs([2, 3]).table
    with pytest.raises(ValueError, match="do not follow each other"):
        Runs.of(table.assign(first_step=[0, 3]))
