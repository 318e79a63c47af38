"""Arrivals by the clock: the right rate at the right hour, and the right volume in all."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from workloads.arrivals import Arrivals, BusinessHours, Diurnal, Drain, Ramp, Rates, Spike, Weekly

HOUR, DAY, WEEK = 3600, 86_400, 604_800
EVERY = [
    Diurnal(mean_rate_per_s=1, peak_to_trough=4, peak_hour=15),
    Diurnal(mean_rate_per_s=1, peak_to_trough=4, peak_hour=15, start_hour=7.5, cv=2),
    Weekly(mean_rate_per_s=1, peak_to_trough=5, weekend_share=0.25, start_weekday="fri"),
    BusinessHours(rate_per_s=3, off_rate_per_s=0.2, start_hour=0, start_weekday="thu"),
    BusinessHours(rate_per_s=3),
    Ramp(from_rate_per_s=0.1, to_rate_per_s=3, start_s=DAY, over_s=2 * DAY),
    Drain(rate_per_s=2, start_s=DAY, over_s=DAY),
    Rates(step_s=HOUR, rates_per_s=(1, 0, 4), repeat=True),
    Rates(step_s=DAY, rates_per_s=(1, 2)),
    Spike(base_rate_per_s=0.5, spike_rate_per_s=9, start_s=DAY, duration_s=HOUR),
]


def ids(process):
    return process.kind


def hourly(process, rng, hours):
    """Requests in each hour."""
    instants = process.sample(rng, horizon_s=hours * HOUR)
    return np.histogram(instants, bins=np.arange(hours + 1) * HOUR)[0]


@pytest.mark.parametrize("process", EVERY, ids=ids)
@pytest.mark.parametrize("days", [1.3, 7, 10])
def test_the_volume_is_the_mean_rate_times_the_time(process, days, rng):
    expected = process.mean_rate(days * DAY) * days * DAY
    spread = 5 * process.cv * np.sqrt(expected)
    assert len(process.sample(rng, horizon_s=days * DAY)) == pytest.approx(expected, abs=spread)


@pytest.mark.parametrize("process", EVERY, ids=ids)
def test_twice_the_rates_is_twice_the_volume(process):
    assert process.scaled(2).mean_rate(9 * DAY) == pytest.approx(2 * process.mean_rate(9 * DAY))


@pytest.mark.parametrize("process", EVERY, ids=ids)
def test_pieces_cover_the_time_asked_for(process):
    edges, rates = process.pieces(10.3 * DAY)
    assert edges[0] == 0
    assert edges[-1] >= 10.3 * DAY
    assert (np.diff(edges) >= 0).all()
    assert len(rates) == len(edges) - 1
    assert (rates >= 0).all()


def test_a_day_peaks_at_its_hour_with_the_ratio_asked_for(rng):
    counts = hourly(Diurnal(mean_rate_per_s=20, peak_to_trough=4, peak_hour=15), rng, 24)
    assert np.argmax(counts[12:18]) in (2, 3)
    assert counts[14:16].sum() / counts[2:4].sum() == pytest.approx(4, rel=0.05)
    assert counts.sum() / DAY == pytest.approx(20, rel=0.01)


def test_a_day_may_begin_at_any_hour():
    late = Diurnal(mean_rate_per_s=1, start_hour=15)
    assert late.pieces(DAY)[1][0] == pytest.approx(late.pieces(DAY)[1].max(), rel=1e-3)


def test_weekends_are_as_quiet_as_asked():
    week = Weekly(mean_rate_per_s=1, weekend_share=0.25)
    edges, rates = week.pieces(WEEK)
    volume = (rates * np.diff(edges))[edges[:-1] < WEEK]
    days = np.add.reduceat(volume, np.searchsorted(edges, np.arange(7) * DAY))
    assert days[5:] / days[0] == pytest.approx([0.25, 0.25])
    assert days.sum() / WEEK == pytest.approx(1)


def test_an_office_is_open_when_it_is_open(rng):
    counts = hourly(
        BusinessHours(rate_per_s=2, start_hour=0, open_hour=9, close_hour=17.5), rng, 168
    )
    days = counts.reshape(7, 24)
    assert days[5:].sum() == 0
    assert days[:, :9].sum() == 0
    assert days[:5, 9:17] == pytest.approx(np.full((5, 8), 7200), rel=0.06)
    assert days[:5, 17] == pytest.approx(np.full(5, 3600), rel=0.08)
    assert days[:, 18:].sum() == 0


def test_a_ramp_is_half_way_up_at_half_time(rng):
    ramp = Ramp(from_rate_per_s=0, to_rate_per_s=10, over_s=10 * HOUR)
    counts = hourly(ramp, rng, 12)
    assert counts[:10] / HOUR == pytest.approx(np.arange(10) + 0.5, abs=0.25)
    assert counts[10:] / HOUR == pytest.approx([10, 10], rel=0.05)


def test_a_drain_ends_in_silence(rng):
    instants = Drain(rate_per_s=5, start_s=HOUR, over_s=HOUR).sample(rng, horizon_s=DAY)
    assert instants[-1] < 2 * HOUR
    assert len(instants) == pytest.approx(5 * 1.5 * HOUR, rel=0.02)


def test_rates_written_out_hold_for_their_step(rng):
    counts = hourly(Rates(step_s=HOUR, rates_per_s=(1, 0, 4), repeat=True), rng, 6)
    assert counts / HOUR == pytest.approx([1, 0, 4, 1, 0, 4], rel=0.06)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "diurnal"},
        {"kind": "diurnal", "mean_rate_per_s": 1, "peak_to_trough": 0.5},
        {"kind": "diurnal", "mean_rate_per_s": 1, "peak_hour": 24},
        {"kind": "weekly", "mean_rate_per_s": 1, "start_weekday": "someday"},
        {"kind": "business_hours", "rate_per_s": 1, "open_hour": 18, "close_hour": 9},
        {"kind": "business_hours", "rate_per_s": 1, "weekdays": []},
        {"kind": "ramp", "to_rate_per_s": 1, "over_s": 0},
        {"kind": "rates", "step_s": 60, "rates_per_s": []},
        {"kind": "rates", "step_s": 60, "rates_per_s": [1, -1]},
    ],
)
def test_impossible_schedules_are_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Arrivals).validate_python(wrong)
