"""The warm-up is found, and a run that never settles is told apart."""

import numpy as np

from experiments.warm_up import mser5


def test_a_slow_start_is_cut_where_it_ends() -> None:
    rng = np.random.default_rng(1)
    run = rng.normal(10, 1, 4000)
    run[:500] += np.linspace(20, 0, 500)
    found = mser5(run)
    assert 350 <= found.observations <= 550
    assert found.settled


def test_what_is_steady_from_the_start_is_hardly_cut() -> None:
    cuts = [mser5(np.random.default_rng(s).normal(10, 1, 2000)).observations for s in range(50)]
    assert np.median(cuts) <= 100


def test_a_queue_that_grows_all_the_time_never_settles() -> None:
    growing = np.arange(2000.0) + np.random.default_rng(1).normal(0, 5, 2000)
    assert mser5(growing) == (1000, False)


def test_several_runs_together_show_a_warm_up_that_one_hides() -> None:
    runs = np.random.default_rng(3).normal(0, 8, (100, 1000))
    runs[:, :100] += 3
    assert 80 <= mser5(runs).observations <= 200
    assert np.mean([80 <= mser5(run).observations <= 200 for run in runs]) < 0.5


def test_a_large_mean_does_not_hide_the_warm_up() -> None:
    run = np.random.default_rng(1).normal(0, 1, 1000)
    run[:100] += 20
    assert mser5(run) == mser5(run + 1e9)


def test_of_a_queue_that_starts_empty_what_is_left_has_the_mean_of_the_settled_queue() -> None:
    # The least error of all would leave a lucky stretch, 1.5 % short of the truth at this length.
    rng = np.random.default_rng(5)
    load, left = 0.7, []
    for _ in range(1000):
        gaps, needs = rng.exponential(1 / load, (5, 1000)), rng.exponential(1.0, (5, 1000))
        walk = np.cumsum(needs[:, :-1] - gaps[:, 1:], axis=1)
        waits = np.pad(walk, ((0, 0), (1, 0)))
        runs = waits - np.minimum.accumulate(waits, axis=1) + needs
        left.append(runs[:, mser5(runs).observations :].mean())
    truth = 1 / (1 - load)
    assert abs(np.mean(left) / truth - 1) < 0.009
