"""Overheads: what a service costs besides its GPUs or its API: people, tests, tools, moving."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.people import People
from hardware_profiles.price import Share, one_currency
from hardware_profiles.profile import NotNegative, Positive, Profile
from simulator.economics.capital import HOURS_PER_MONTH
from simulator.economics.cost_line import CostLine, cost_line
from simulator.economics.people import incident_cost
from simulator.economics.quality import evaluation_cost, release_cost, samples_to_detect
from simulator.economics.usage import Usage

__all__ = ["Overheads"]

Money = Annotated[NotNegative, Field(le=100e6)]
Hours = Annotated[NotNegative, Field(le=100_000)]


class Overheads(Profile):
    """Everything per month unless its name says otherwise; what is left out costs nothing.

    >>> ours = Overheads.named("self-hosted")
    >>> month = Usage(seconds=730 * 3600, gpu_s={})
    >>> round(sum(line.usd for line in ours.lines(month)))
    15778
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "overhead_sets"

    people: People
    fte: Annotated[NotNegative, Field(le=1000)]
    """Full-time people for this endpoint; it grows with models and sites, not with tokens."""
    on_call_usd: Money = 0.0
    incidents_per_month: Annotated[NotNegative, Field(le=10_000)] | None = 0.0
    """None (null): as many as in the run, failures and breaches of the SLO; for runs of a day."""
    incident_h: Hours = 1.5
    responders: Hours = 1.0
    night_share: Share = 0.5

    staging_gpu_h: Hours = 0.0
    staging_usd_per_gpu_h: Annotated[NotNegative, Field(le=1000)] = 0.0
    staging_share: Share = 0.0
    """At least this share of what the GPUs of production cost."""

    windows_per_month: Annotated[NotNegative, Field(le=10_000)] = 0.0
    """Windows within each of which a drift of the quality is to be noticed."""
    pass_rate: Annotated[float, Field(gt=0, lt=1)] = 0.95
    detect_drop: Annotated[float, Field(gt=0, lt=1)] = 0.02
    usd_per_judgement: Money = 0.0
    reviewed_share: Share = 0.0
    review_h: Hours = 0.0
    evaluation_h: Hours = 0.0
    """Engineer's time on test sets and judges."""

    updates_per_month: Annotated[NotNegative, Field(le=1000)] = 0.0
    """Of the model or its pipeline; forced retirements, where an API is bought."""
    update_h: Hours = 0.0
    test_cases: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    usd_per_answer: Money = 0.0
    rollout_gpu_h: Hours = 0.0
    """Twice the capacity while old and new run side by side, per update."""

    tooling_usd: Money = 0.0
    storage_usd: Money = 0.0
    """Weights in each region, images, traces."""
    cpu_and_logs_usd: Money = 0.0
    """What is no GPU: load balancers, gateways, CPU nodes, logs."""
    licence_usd_per_gpu_year: Money = 0.0
    egress_usd_per_gb: Annotated[NotNegative, Field(le=100)] = 0.0
    bytes_per_output_token: Annotated[NotNegative, Field(le=10_000)] = 200.0
    """On the wire: a streamed token comes in an event of its own."""
    migration_h: Hours = 0.0
    """Once: to integrate, move and review."""
    migration_usd: Money = 0.0
    """Once: what is bought for it."""
    migration_months: Annotated[Positive, Field(le=240)] = 36.0
    """Months over which both are spread in a month's bill."""

    @model_validator(mode="before")
    @classmethod
    def _in_dollars(cls, data: Any) -> Any:
        return one_currency(data)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.detect_drop > self.pass_rate:
            raise InputError(
                f"detect_drop: {self.detect_drop:g} is more than the pass_rate "
                f"{self.pass_rate:g} could drop"
            )
        if self.staging_gpu_h > 0 and self.staging_usd_per_gpu_h == 0:
            raise InputError("staging_usd_per_gpu_h: needed with staging_gpu_h")
        return self

    @property
    def once_usd(self) -> float:
        """Paid once, at the start. [USD]"""
        return self.migration_h * self.people.usd_per_hour + self.migration_usd

    def lines(self, used: Usage, gpu_usd: float = 0.0) -> list[CostLine]:
        """Cost lines of the time that was used.

        Parameters
        ----------
        gpu_usd : what the GPUs of production cost in that time, for staging. [USD]
        """
        return [
            *self._people(used),
            *self._staging(used, gpu_usd),
            *self._quality(used),
            *self._tools(used),
        ]

    def _people(self, used: Usage) -> list[CostLine]:
        rate, months = self.people.usd_per_hour, used.months
        given = self.incidents_per_month
        number = used.incidents if given is None else given * months
        usd = incident_cost(number, self.incident_h, self.responders, rate, self.night_share)
        year = self.people.usd_per_year
        group = "people"
        return [
            cost_line("people", self.fte * year / 12 * months, group, "FTE x loaded salary / 12",
                      {"FTE": self.fte, "USD/a": year}, self, self.people),
            cost_line("on_call", self.on_call_usd * months, group, "stipend per month",
                      {"USD": self.on_call_usd}, self),
            cost_line("incidents", usd, group, "incidents x hours x responders x wage x night",
                      {"incidents": number, "h": self.incident_h, "responders": self.responders,
                       "USD/h": rate, "at night": self.night_share}, self, self.people),
        ]  # fmt: skip

    def _staging(self, used: Usage, gpu_usd: float) -> list[CostLine]:
        least = self.staging_gpu_h * self.staging_usd_per_gpu_h * used.months
        return [
            cost_line("staging", max(least, self.staging_share * gpu_usd), "staging",
                      "the larger of GPU-hours x price and a share of production",
                      {"GPU-h/month": self.staging_gpu_h, "USD/h": self.staging_usd_per_gpu_h,
                       "share": self.staging_share}, self),
        ]  # fmt: skip

    def _quality(self, used: Usage) -> list[CostLine]:
        rate, months, group = self.people.usd_per_hour, used.months, "quality and updates"
        samples = math.ceil(samples_to_detect(self.pass_rate, self.detect_drop))
        judged = samples * self.windows_per_month * months
        sampling = evaluation_cost(
            judged, self.usd_per_judgement, self.reviewed_share, self.review_h, rate
        )
        gpu_h = self.rollout_gpu_h
        each = release_cost(
            self.test_cases, self.usd_per_answer, self.usd_per_judgement, self.update_h, rate,
            gpu_h, self.staging_usd_per_gpu_h,
        )  # fmt: skip
        return [
            cost_line("quality_sampling", sampling, group,
                      "samples to see the drop x (judge + share reviewed x time x wage)",
                      {"samples a window": samples, "windows": self.windows_per_month * months,
                       "USD a judgement": self.usd_per_judgement,
                       "reviewed": self.reviewed_share, "h": self.review_h}, self, self.people),
            cost_line("evaluation", self.evaluation_h * rate * months, group, "hours x wage",
                      {"h/month": self.evaluation_h, "USD/h": rate}, self, self.people),
            cost_line("updates", self.updates_per_month * months * each, group,
                      "updates x (cases x (answer + judgement) + hours x wage + rollout GPU-h)",
                      {"updates": self.updates_per_month * months, "h each": self.update_h,
                       "cases": self.test_cases, "rollout GPU-h": gpu_h}, self, self.people),
        ]  # fmt: skip

    def _tools(self, used: Usage) -> list[CostLine]:
        months, group = used.months, "tooling and transfer"
        gb = used.output_tokens * self.bytes_per_output_token / 1e9
        licence = self.licence_usd_per_gpu_year / 12 * used.peak_gpus
        return [
            cost_line("tooling", self.tooling_usd * months, group, "per month",
                      {"USD": self.tooling_usd}, self),
            cost_line("storage", self.storage_usd * months, group, "per month",
                      {"USD": self.storage_usd}, self),
            cost_line("cpu_and_logs", self.cpu_and_logs_usd * months, group, "per month",
                      {"USD": self.cpu_and_logs_usd}, self),
            cost_line("licences", licence * months, group, "per GPU and year / 12 x GPUs",
                      {"USD": self.licence_usd_per_gpu_year, "GPUs": used.peak_gpus}, self),
            cost_line("egress", gb * self.egress_usd_per_gb, group,
                      "output tokens x bytes each x price per GB",
                      {"GB": gb, "USD/GB": self.egress_usd_per_gb}, self, marginal=1.0),
            cost_line("migration", self.once_usd * months / self.migration_months,
                      "migration and exit", "paid once, spread over the months it serves",
                      {"USD": self.once_usd, "months": self.migration_months,
                       "hours in a month": HOURS_PER_MONTH}, self, self.people),
        ]  # fmt: skip
