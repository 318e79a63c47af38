"""However the idle time is shared out, the shares are the whole bill."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.economics.bill import bill
from simulator.economics.kv_hold import kv_block_seconds
from simulator.economics.overhead import Rule, loaded_costs
from simulator.scenario import Scenario
from simulator.simulate import simulate
from tests.support.toy_run import toy_run


@pytest.mark.parametrize("rule", get_args(Rule))
@settings(max_examples=15)
@given(st.integers(0, 1000))
def test_every_rule_shares_out_the_whole_bill(rule: Rule, seed: int) -> None:
    result = toy_run(seed, requests=30, horizon=6.0).result
    found = bill(result)
    costs = loaded_costs(result, found, rule)
    assert costs.sum() == pytest.approx(found.usd_total)
    assert (costs >= found.requests["usd_attributable"].to_numpy() - 1e-15).all()


def test_the_uniform_rule_is_the_headline_of_the_bill() -> None:
    result = toy_run(1).result
    found = bill(result)
    assert loaded_costs(result, found) == pytest.approx(found.requests["usd"].to_numpy())


def test_who_came_when_it_was_empty_pays_nothing_for_the_peak() -> None:
    result = toy_run(2).result
    found = bill(result)
    overhead = loaded_costs(result, found, "peak") - found.requests["usd_attributable"].to_numpy()
    assert (overhead == 0).any()
    assert (overhead > 0).any()


def test_an_unknown_rule_is_told_those_there_are() -> None:
    result = toy_run(1).result
    with pytest.raises(ValueError, match="there are: uniform, memory, peak"):
        loaded_costs(result, bill(result), "alphabet")  # type: ignore[arg-type]


def test_block_seconds_are_those_of_the_steps() -> None:
    """Without sharing, what the requests held is what the replicas had in use."""
    scenario = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "l4", "horizon_s": 60}
    result = simulate(Scenario.parse({**scenario, "engine": {"async_scheduling": False}}))
    steps = result.steps
    busy = (steps["end_s"] - steps["start_s"]).to_numpy()
    grown = (steps["num_steps"] - 1) * steps["decode_seqs"] / 16 / 2
    in_use = float(((steps["kv_blocks"] + grown) * busy).sum())
    assert kv_block_seconds(result).sum() == pytest.approx(in_use, rel=0.02)


def test_a_longer_context_holds_more() -> None:
    result = toy_run(3).result
    held = kv_block_seconds(result)
    tokens = (result.requests["prompt_tokens"] + result.requests["generated_tokens"]).to_numpy()
    assert np.corrcoef(held, tokens)[0, 1] > 0.5
