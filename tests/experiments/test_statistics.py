"""Intervals hold the truth as often as they say, on a queue whose truth is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.replicating import replicate_until, runs_needed, stopped_interval
from experiments.statistics import (
    Interval,
    batch_means,
    batch_quantile,
    mean_interval,
    paired_difference,
    quantile_interval,
)
from experiments.warm_up import mser5

Floats = NDArray[np.float64]

LOADS = (0.7, 0.8)
REPETITIONS = 200


def mean_s(load: float) -> float:
    """Mean time in an M/M/1 with a mean service of one second; it is exponential."""
    return 1 / (1 - load)


def p90_s(load: float) -> float:
    return -math.log(0.1) * mean_s(load)


def time_in_system(
    rng: np.random.Generator, shape: tuple[int, ...], load: float = 0.7, service: float = 1.0
) -> Floats:
    """Lindley's recursion, W' = max(0, W + S - A), along the last axis, from an empty queue."""
    gaps, needs = rng.exponential(1 / load, shape), rng.exponential(service, shape)
    walk = np.zeros(shape)
    walk[..., 1:] = np.cumsum(needs[..., :-1] - gaps[..., 1:], axis=-1)
    waits: Floats = walk - np.minimum.accumulate(walk, axis=-1)
    return waits + needs


def coverage(
    interval: Callable[[np.random.Generator], Interval], truth: float, times: int = REPETITIONS
) -> float:
    rngs = np.random.default_rng(2026).spawn(times)
    return sum(interval(rng).holds(truth) for rng in rngs) / times


def replications(
    rng: np.random.Generator, load: float, runs: int = 10, length: int = 6000
) -> Floats:
    found = time_in_system(rng, (runs, length), load)
    return found[:, mser5(found).observations :]


def one_long_run(rng: np.random.Generator, load: float) -> Floats:
    run = time_in_system(rng, (60_000,), load)
    return run[mser5(run).observations :]


def until_narrow(rng: np.random.Generator, load: float) -> Interval:
    def measure(_: int) -> float:
        return float(time_in_system(rng, (6000,), load)[500:].mean())

    return replicate_until(measure, relative=0.05, most=60).interval


WAYS: dict[
    str, tuple[Callable[[np.random.Generator, float], Interval], Callable[[float], float]]
] = {
    "mean, replications": (
        lambda rng, load: mean_interval(replications(rng, load).mean(1)),
        mean_s,
    ),
    "mean, few and short replications": (
        lambda rng, load: mean_interval(replications(rng, load, 5, 3000).mean(1)),
        mean_s,
    ),
    "mean, batches of one run": (lambda rng, load: batch_means(one_long_run(rng, load)), mean_s),
    "mean, replicated until narrow": (until_narrow, mean_s),
    "p90, replications": (
        lambda rng, load: mean_interval(np.quantile(replications(rng, load), 0.9, axis=1)),
        p90_s,
    ),
    "p90, batches of one run": (
        lambda rng, load: batch_quantile(one_long_run(rng, load), 0.9),
        p90_s,
    ),
    "p90, independent values": (
        lambda rng, load: quantile_interval(rng.exponential(mean_s(load), 500), 0.9),
        p90_s,
    ),
}


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("way", WAYS)
def test_a_95_percent_interval_holds_the_truth_of_an_mm1_about_95_times_in_a_hundred(
    way: str, load: float
) -> None:
    interval, truth = WAYS[way]
    assert 0.92 <= coverage(lambda rng: interval(rng, load), truth(load)) <= 0.98


@pytest.mark.parametrize("relative", [0.05, 0.1])
@pytest.mark.parametrize("load", LOADS)
def test_replicating_until_narrow_holds_the_truth_as_often_as_it_says(
    load: float, relative: float
) -> None:
    # Of so many runs that chance moves what is found by half a per cent; their mean is the truth.
    runs = time_in_system(np.random.default_rng(9), (8_000, 3_000), load)[:, 300:].mean(axis=1)

    def told(rng: np.random.Generator) -> Interval:
        mine = rng.choice(runs, 200)
        return replicate_until(lambda i: float(mine[i]), relative=relative, most=200).interval

    assert 0.935 <= coverage(told, float(runs.mean()), times=2000) <= 0.98


def test_what_was_narrow_enough_by_chance_is_told_with_the_width_that_was_asked_for() -> None:
    found = mean_interval(np.random.default_rng(1).normal(10, 1, 12))
    wide = stopped_interval(found, least=8, half_width=2.0)
    assert wide.half_width == pytest.approx(2.0)
    assert wide.estimate == found.estimate
    assert stopped_interval(found, least=12, half_width=2.0) == found
    assert stopped_interval(found, least=8, half_width=0.1) == found


def test_equal_queues_are_told_apart_about_one_time_in_twenty() -> None:
    def shown(rng: np.random.Generator) -> bool:
        runs = time_in_system(rng, (16, 1000)).mean(axis=1)
        return paired_difference(runs[:8], runs[8:]).shown

    rngs = np.random.default_rng(2026).spawn(1000)
    assert 0.03 <= sum(map(shown, rngs)) / len(rngs) <= 0.07


def test_common_random_numbers_show_a_difference_that_other_numbers_hide() -> None:
    # Five per cent faster service, on the same eight afternoons and on eight others.
    seeds = np.arange(8)
    slow = [time_in_system(np.random.default_rng(s), (3000,)).mean() for s in seeds]
    fast = [time_in_system(np.random.default_rng(s), (3000,), service=0.95).mean() for s in seeds]
    others = [
        time_in_system(np.random.default_rng(s), (3000,), service=0.95).mean() for s in seeds + 50
    ]
    common, separate = paired_difference(slow, fast), paired_difference(slow, others)
    assert common.shown
    assert common.interval.high < 0
    assert common.interval.half_width < separate.interval.half_width / 2


def test_a_difference_smaller_than_its_interval_is_not_reported() -> None:
    assert str(paired_difference([1, 2, 3, 4], [2, 1, 4, 3])) == "no difference shown"
    assert str(paired_difference([1.0], [9.0])) == "no difference shown"
    assert str(paired_difference([1.0, math.nan], [9.0, 9.0])) == "no difference shown"


def test_a_sure_difference_is_told_with_its_bounds() -> None:
    assert str(paired_difference([5.0, 6.0], [4.0, 5.0])) == "less by 1 (1 to 1)"


def test_one_run_says_nothing_of_how_sure_it_is() -> None:
    found = mean_interval([7.0])
    assert (found.estimate, found.low, found.high) == (7.0, -math.inf, math.inf)


def test_what_is_undefined_in_one_run_is_undefined() -> None:
    found = mean_interval([1.0, math.nan, 2.0])
    assert math.isnan(found.estimate)
    assert not found.holds(1.5)


def test_the_p99_of_a_hundred_values_has_no_upper_end() -> None:
    found = quantile_interval(np.arange(100.0), 0.99)
    assert found.high == math.inf
    assert found.low > 90


def test_a_narrower_interval_is_worth_more_runs() -> None:
    def measure(seed: int) -> float:
        return float(np.random.default_rng(seed).normal(10, 1))

    rough = replicate_until(measure, relative=0.1, least=5, most=200)
    fine = replicate_until(measure, half_width=0.2, least=5, most=200)
    assert rough.narrow
    assert fine.narrow
    assert fine.interval.half_width <= 0.2 + 1e-12
    assert len(fine.values) > 5 * len(rough.values)


def test_what_never_becomes_narrow_is_given_up() -> None:
    found = replicate_until(lambda i: (-1.0) ** i, half_width=0.01, least=5, most=12)
    assert not found.narrow
    assert len(found.values) == 12


def test_what_does_not_vary_is_narrow_at_once() -> None:
    found = replicate_until(lambda i: 0.0, relative=0.05)
    assert found.narrow
    assert len(found.values) == 8


def test_runs_needed_are_at_most_doubled_and_always_more() -> None:
    assert runs_needed(Interval(10, 0, 20, 5, 0.95), half_width=0.1) == 10
    assert runs_needed(Interval(10, 8.999, 11.001, 5, 0.95), half_width=1.0) == 6
    assert runs_needed(Interval(10, -math.inf, math.inf, 1, 0.95), half_width=1.0) == 2
    assert runs_needed(Interval(0, -1, 1, 5, 0.95), relative=0.05) == 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([]), "one number or more"),
        (lambda: mean_interval([1, math.inf]), "finite"),
        (lambda: mean_interval([1, 2], level=95), "between 0 and 1"),
        (lambda: mean_interval([1, 2], level=math.nan), "between 0 and 1"),
        (lambda: quantile_interval([1, 2], 1.5), "between 0 and 1"),
        (lambda: batch_means(range(30)), "two values or more"),
        (lambda: batch_means(range(300), batches=1), "two batches or more"),
        (lambda: batch_quantile(range(1000), 0.99), "10 values beyond the quantile"),
        (lambda: paired_difference([1, 2], [1]), "found 2 and 1"),
        (lambda: replicate_until(float, relative=0.1, least=1), "2 <= least"),
        (lambda: replicate_until(float), "either half_width or relative"),
        (lambda: mser5([1.0] * 19), "20 observations"),
        (lambda: mser5([math.nan] * 30), "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
