"""Contract: on what terms the GPUs of a fleet are rented, as cost lines of what it used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.offer import Mode, Offer
from hardware_profiles.price import Share
from hardware_profiles.profile import NotNegative, Positive
from hardware_profiles.value import Value
from simulator.economics.capital import HOURS_PER_MONTH, monthly_rate
from simulator.economics.commitment import exit_cost, optimal_commitment, reserved_price
from simulator.economics.cost_line import CostLine, cost_line
from simulator.economics.usage import Usage, stretches

__all__ = ["OnDemand", "Reserved", "Serverless", "Spot"]

WORKING = ("busy", "draining")
"""States of a replica in which requests are worked on."""
WACC = 0.10
Yearly = Annotated[float, Field(ge=0, le=1)]


class OnDemand(Value):
    """By the hour, from the request of a replica to its release, in whole quanta."""

    kind: Literal["on_demand"] = "on_demand"
    offer: Offer

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _must_be(self.offer, "offer", "on_demand", "owned")
        return self

    def lines(self, used: Usage) -> list[CostLine]:
        """Rent by what the GPUs did, and the rest of each started quantum."""
        rounding = used.rounding_gpu_s(self.offer.billing_quantum_s)
        return [
            *_rent(used, self.offer.usd_per_gpu_hour, self.offer),
            _rounding(rounding, self.offer.usd_per_gpu_hour, self.offer),
        ]


class Reserved(Value):
    """Some replicas for a term, whatever the need; the others by the hour."""

    kind: Literal["reserved"] = "reserved"
    offer: Offer
    overflow: Offer
    """Price of what goes beyond the commitment."""
    committed: Annotated[int, Field(ge=0)] | None = None
    """Replicas; not given: as many as the newsvendor's rule says."""
    wacc: Yearly = WACC
    leave_after_months: Positive | None = None
    """When the need ends, before the term does; what is left of it is owed."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.offer.term_months is None:
            raise InputError(f"offer: {self.offer.name} has no term_months; nothing is committed")
        _must_be(self.overflow, "overflow", "on_demand")
        if self.offer.gpu != self.overflow.gpu:
            raise InputError(
                f"overflow: {self.overflow.name} is a price for {self.overflow.gpu}, "
                f"the commitment is for {self.offer.gpu}"
            )
        return self

    @property
    def usd_per_gpu_hour(self) -> float:
        """Price of the commitment with what is paid upfront spread as an annuity. [USD/h]"""
        assert self.offer.term_months is not None
        month = self.offer.usd_per_gpu_hour * HOURS_PER_MONTH
        upfront = self.offer.upfront_share * month * self.offer.term_months
        rest = (1 - self.offer.upfront_share) * month
        return reserved_price(upfront, rest, monthly_rate(self.wacc), self.offer.term_months)

    def replicas(self, used: Usage) -> int:
        """Replicas committed to."""
        if self.committed is not None:
            return self.committed
        prices = (self.usd_per_gpu_hour, self.overflow.usd_per_gpu_hour)
        return optimal_commitment(used.held, used.lasted_s, *prices)

    def lines(self, used: Usage) -> list[CostLine]:
        """Rent at the blended price, the stranded part of the commitment, what leaving costs."""
        level, price = self.replicas(used), self.usd_per_gpu_hour
        each = used.gpus_per_replica / 3600
        within = float((np.minimum(used.held, level) * used.lasted_s).sum()) * each
        beyond = float((np.maximum(used.held - level, 0) * used.lasted_s).sum()) * each
        stranded = float((np.maximum(level - used.held, 0) * used.lasted_s).sum()) * each
        spent = within * price + beyond * self.overflow.usd_per_gpu_hour
        blended = spent / (within + beyond) if within + beyond > 0 else 0.0
        known = {
            "reserved replicas": float(level),
            "reserved GPU-h used": within,
            "on-demand GPU-h": beyond,
            "USD/h reserved": price,
            "USD/h on demand": self.overflow.usd_per_gpu_hour,
        }
        rounded = _rounded_stretches(used, level, self.overflow.billing_quantum_s)
        return [
            *_rent(used, blended, self.offer, self.overflow, **known),
            _rounding(rounded, self.overflow.usd_per_gpu_hour, self.overflow),
            cost_line(
                "stranded_commitment",
                stranded * price,
                "GPUs",
                "reserved price x GPU-hours committed and not needed",
                {**known, "GPU-h stranded": stranded},
                self.offer,
                idle=1.0,
            ),
            self._exit(used, level),
        ]

    def _exit(self, used: Usage, level: int) -> CostLine:
        """What is owed beyond the need, spread over the months of need."""
        assert self.offer.term_months is not None
        need = self.leave_after_months or float(self.offer.term_months)
        left = max(0.0, self.offer.term_months - need)
        owed = exit_cost(self.usd_per_gpu_hour, level * used.gpus_per_replica, left)
        return cost_line(
            "commitment_exit",
            owed * used.months / need,
            "migration and exit",
            "price x GPUs committed x hours of the term after leaving, spread over the months used",
            {"months left": left, "months used": need, "USD owed": owed},
            self.offer,
        )


class Spot(Value):
    """Cheap GPUs that can be taken back, with a fallback for when there are none."""

    kind: Literal["spot"] = "spot"
    offer: Offer
    fallback: Offer
    share_without: Share = 0.1
    """Of the time, no spot GPU is to be had."""
    load_s: NotNegative = 300.0
    """Paid after each reclaim until a replica serves again [s]."""
    simulated: bool = False
    """Whether the run had its reclaims in it: what they cost is then in its time already."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _must_be(self.offer, "offer", "spot")
        _must_be(self.fallback, "fallback", "on_demand", "reserved")
        if self.offer.gpu != self.fallback.gpu:
            raise InputError(
                f"fallback: {self.fallback.name} is a price for {self.fallback.gpu}, "
                f"spot is for {self.offer.gpu}"
            )
        return self

    def lines(self, used: Usage) -> list[CostLine]:
        """Rent of both kinds, time to load again after reclaims, work that they lost."""
        here, spot = 1 - self.share_without, self.offer.usd_per_gpu_hour
        price = here * spot + self.share_without * self.fallback.usd_per_gpu_hour
        hours = used.held_gpu_s / 3600
        each = used.gpus_per_replica
        rate = 0.0 if self.simulated else self.offer.reclaims_per_hour
        reclaims = here * rate * hours / each
        known = {
            "reclaims": reclaims,
            "USD/h": spot,
            "share of the time on spot": here,
            "GPU-h": hours,
        }
        lost_gpu_h = reclaims * used.share("busy") * each * used.e2e_mean_s / 2 / 3600
        return [
            *_rent(used, price, self.offer, self.fallback, **known),
            cost_line(
                "spot_loading_again",
                reclaims * each * self.load_s / 3600 * spot,
                "GPUs",
                "reclaims x GPUs of a replica x time to load x spot price",
                {**known, "s to load": self.load_s},
                self.offer,
            ),
            cost_line(
                "spot_lost_work",
                lost_gpu_h * price,
                "GPUs",
                "reclaims x work in flight, half done on average: busy share x GPUs x E2E / 2",
                {**known, "mean E2E [s]": used.e2e_mean_s, "busy share": used.share("busy")},
                self.offer,
            ),
        ]


class Serverless(Value):
    """By the second of work, cold start and idle timeout; nothing while asleep."""

    kind: Literal["serverless"] = "serverless"
    offer: Offer
    idle_timeout_s: NotNegative = 60.0
    cold_start_s: NotNegative = 60.0

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _must_be(self.offer, "offer", "serverless")
        return self

    def lines(self, used: Usage) -> list[CostLine]:
        """Busy time, idle time up to the timeout, a cold start after each longer gap.

        The gaps are those of a fleet that never sleeps: that a cold start also delays the requests
        which caused it is not in the latencies.
        """
        usd, each = self.offer.usd_per_gpu_hour, used.gpus_per_replica
        long = used.idle_gaps_s > self.idle_timeout_s
        waited = float(np.minimum(used.idle_gaps_s, self.idle_timeout_s).sum()) * each
        starts = float(long.sum())
        known = {"USD/h": usd, "idle timeout [s]": self.idle_timeout_s, "cold starts": starts}
        parts = {
            "busy": sum(used.gpu_s.get(state, 0.0) for state in WORKING),
            "idle": waited,
            "warming": used.gpu_s.get("warming", 0.0) + starts * self.cold_start_s * each,
        }
        return [
            _state_line(state, seconds / 3600, usd, known, self.offer)
            for state, seconds in parts.items()
        ]


def _must_be(offer: Offer, key: str, *modes: Mode) -> None:
    """Refuse a price of another kind of contract: it would be believed without its drawbacks."""
    if offer.mode not in modes:
        raise InputError(f"{key}: {offer.name} is {offer.mode}, not {' or '.join(modes)}")


def _rent(used: Usage, usd_per_h: float, *origins: Offer, **known: float) -> list[CostLine]:
    """Rent of the GPU time held, one line for each thing the GPUs did."""
    return [
        _state_line(state, gpu_s / 3600, usd_per_h, known, *origins)
        for state, gpu_s in used.gpu_s.items()
    ]


def _state_line(
    state: str, hours: float, usd_per_h: float, known: Mapping[str, float], *origins: Offer
) -> CostLine:
    return cost_line(
        f"gpu_rent_{state}",
        hours * usd_per_h,
        "GPUs",
        f"GPU-hours {state} x price",
        {f"GPU-h {state}": hours, "USD per GPU-h": usd_per_h, **known},
        *origins,
        work=float(state in WORKING),
        idle=float(state == "idle"),
    )


def _rounding(gpu_s: float, usd_per_h: float, offer: Offer) -> CostLine:
    return cost_line(
        "gpu_rent_rounding",
        gpu_s / 3600 * usd_per_h,
        "GPUs",
        "(lives in whole quanta - lives) x price, of replicas that were released",
        {"GPU-h": gpu_s / 3600, "quantum [s]": offer.billing_quantum_s, "USD per GPU-h": usd_per_h},
        offer,
    )


def _rounded_stretches(used: Usage, level: int, quantum_s: float) -> float:
    """Rest of the last quantum of each stretch beyond the commitment. [GPU s]"""
    rest = 0.0
    for k in range(level + 1, int(used.held.max(initial=0)) + 1):
        took = stretches(used.held, used.lasted_s, k)
        took = took[took < used.seconds - 1e-9]  # a stretch as long as the run goes on beyond it
        rest += float((np.ceil(np.round(took / quantum_s, 9)) * quantum_s - took).sum())
    return max(0.0, rest) * used.gpus_per_replica
