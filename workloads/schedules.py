"""Arrivals by the clock and the calendar: days, weeks, office hours, ramps and drains.

Second 0 of the traffic is `start_hour` of `start_weekday`. Rates are held in steps of five minutes
at most, each with the mean of the curve it stands for.
"""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from workloads.modulated import Pieces, RateProfile
from workloads.process import NotNegative, Positive, Seconds

__all__ = ["BusinessHours", "Diurnal", "Drain", "Ramp", "Rates", "Weekday", "Weekly"]

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0
STEP_S = 300.0
RAMP_STEPS = 500

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Hour = Annotated[float, Field(ge=0, lt=24)]
Ratio = Annotated[float, Field(ge=1, le=1e6)]


class Calendar(RateProfile):
    """A rate that repeats every week."""

    start_hour: Hour = 0.0
    """Hour of the day at second 0."""
    start_weekday: Weekday = "mon"

    def rate_of_week(self, edges_s: Seconds) -> NDArray[np.float64]:
        """Mean rate between the edges, which count from Monday 00:00, shape (len - 1,). [1/s]"""
        raise NotImplementedError

    def pieces(self, until_s: float) -> Pieces:
        begins = WEEKDAYS.index(self.start_weekday) * DAY_S + self.start_hour * HOUR_S
        steps = np.arange(0.0, WEEK_S + 1, STEP_S)
        rates = self.rate_of_week(steps)
        weeks = int((begins + until_s) // WEEK_S) + 1
        edges = (steps[:-1] + np.arange(weeks)[:, None] * WEEK_S).ravel() - begins
        edges = np.append(edges, weeks * WEEK_S - begins)
        first = int(np.searchsorted(edges, 0.0, side="right")) - 1
        edges = np.maximum(edges[first:], 0.0)
        return edges, np.tile(rates, weeks)[first:]

    def mean_rate(self, horizon_s: float | None = None) -> float:
        return super().mean_rate(WEEK_S if horizon_s is None else horizon_s)


class Diurnal(Calendar):
    """A wave through the day, the same every day: the traffic of a public service."""

    kind: Literal["diurnal"] = "diurnal"
    mean_rate_per_s: Positive
    peak_to_trough: Ratio = 3.0
    """Rate at the peak over rate in the deepest of the night."""
    peak_hour: Hour = 15.0

    def rate_of_week(self, edges_s: Seconds) -> NDArray[np.float64]:
        return self.mean_rate_per_s * _wave(edges_s, self.peak_to_trough, self.peak_hour)


class Weekly(Calendar):
    """A wave through the day that is lower at weekends."""

    kind: Literal["weekly"] = "weekly"
    mean_rate_per_s: Positive
    """Over the whole week."""
    peak_to_trough: Ratio = 5.0
    peak_hour: Hour = 15.0
    weekend_share: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Requests of a Saturday or Sunday for each of a working day."""

    def rate_of_week(self, edges_s: Seconds) -> NDArray[np.float64]:
        weekend = edges_s[:-1] >= 5 * DAY_S
        day = np.where(weekend, self.weekend_share, 1.0) * 7 / (5 + 2 * self.weekend_share)
        return self.mean_rate_per_s * day * _wave(edges_s, self.peak_to_trough, self.peak_hour)


class BusinessHours(Calendar):
    """One rate while the office is open, another (or none) while it is not."""

    kind: Literal["business_hours"] = "business_hours"
    rate_per_s: Positive
    off_rate_per_s: NotNegative = 0.0
    open_hour: Hour = 9.0
    close_hour: Annotated[float, Field(gt=0, le=24)] = 18.0
    weekdays: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    start_hour: Hour = 9.0

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> "BusinessHours":
        if self.open_hour >= self.close_hour:
            raise InputError("business_hours: expected open_hour before close_hour")
        if not self.weekdays:
            raise InputError("business_hours: expected at least one of weekdays")
        return self

    def rate_of_week(self, edges_s: Seconds) -> NDArray[np.float64]:
        days = np.array([WEEKDAYS.index(day) for day in self.weekdays]) * DAY_S
        share = np.zeros(len(edges_s) - 1)
        for day in np.unique(days):
            opens, closes = day + self.open_hour * HOUR_S, day + self.close_hour * HOUR_S
            inside = np.minimum(edges_s[1:], closes) - np.maximum(edges_s[:-1], opens)
            share += np.clip(inside, 0, None) / np.diff(edges_s)
        return self.off_rate_per_s + (self.rate_per_s - self.off_rate_per_s) * share


class Ramp(RateProfile):
    """From one rate to another in a straight line, then on at that rate: a load test, a launch."""

    kind: Literal["ramp"] = "ramp"
    from_rate_per_s: NotNegative = 0.0
    to_rate_per_s: NotNegative
    start_s: NotNegative = 0.0
    over_s: Positive

    def pieces(self, until_s: float) -> Pieces:
        return _ramp(self.from_rate_per_s, self.to_rate_per_s, self.start_s, self.over_s, until_s)

    def mean_rate(self, horizon_s: float | None = None) -> float:
        return self.to_rate_per_s if horizon_s is None else super().mean_rate(horizon_s)


class Drain(RateProfile):
    """A steady rate that falls to nothing: traffic taken off a fleet."""

    kind: Literal["drain"] = "drain"
    rate_per_s: Positive
    start_s: NotNegative
    """When it begins to fall."""
    over_s: Positive

    def pieces(self, until_s: float) -> Pieces:
        return _ramp(self.rate_per_s, 0.0, self.start_s, self.over_s, until_s)

    def mean_rate(self, horizon_s: float | None = None) -> float:
        return 0.0 if horizon_s is None else super().mean_rate(horizon_s)


class Rates(RateProfile):
    """Any rate written out in steps, e.g. one a minute from a dashboard."""

    kind: Literal["rates"] = "rates"
    step_s: Positive
    """How long each rate holds."""
    rates_per_s: Annotated[tuple[NotNegative, ...], Field(min_length=1)]
    repeat: bool = False
    """Begin again after the last; else there is silence."""

    def pieces(self, until_s: float) -> Pieces:
        rates = np.array(self.rates_per_s)
        if self.repeat:
            rates = np.tile(rates, int(until_s // (self.step_s * len(rates))) + 1)
        else:
            rates = np.append(rates, 0.0)
        edges: Seconds = np.arange(len(rates) + 1, dtype=np.float64) * self.step_s
        edges[-1] = max(edges[-1], until_s)
        return edges, rates

    def mean_rate(self, horizon_s: float | None = None) -> float:
        if horizon_s is None:
            return float(np.mean(self.rates_per_s)) if self.repeat else 0.0
        return super().mean_rate(horizon_s)


def _wave(edges_s: Seconds, peak_to_trough: float, peak_hour: float) -> NDArray[np.float64]:
    r"""Mean of $1 + a\cos(2\pi(t - t_p)/24h)$ between edges, $a = (r-1)/(r+1)$; mean 1 over a day.

    >>> wave = _wave(np.arange(0.0, DAY_S + 1, STEP_S), 4.0, 15.0)
    >>> round(float(wave.max() / wave.min()), 2), round(float(wave.mean()), 6)
    (4.0, 1.0)
    """
    height = (peak_to_trough - 1) / (peak_to_trough + 1)
    turn = 2 * np.pi / DAY_S
    area = np.sin(turn * (edges_s - peak_hour * HOUR_S)) / turn
    return np.asarray(1 + height * np.diff(area) / np.diff(edges_s))


def _ramp(first: float, last: float, start_s: float, over_s: float, until_s: float) -> Pieces:
    """A straight line in many small steps, each at the rate of its middle."""
    slope_edges = start_s + np.linspace(0.0, over_s, RAMP_STEPS + 1)
    middles = (np.arange(RAMP_STEPS) + 0.5) / RAMP_STEPS
    end = start_s + over_s
    edges = np.array([0.0, *slope_edges, max(until_s, end + 1)], dtype=np.float64)
    return edges, np.array([first, *(first + (last - first) * middles), last], dtype=np.float64)
