"""Owned servers: what a fleet costs that was bought, as cost lines of what it used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hardware_profiles.server import Server
from hardware_profiles.site import Site
from hardware_profiles.value import Value
from simulator.economics.capital import HOURS_PER_MONTH, capital_charge, monthly_rate
from simulator.economics.cost_line import CostLine, cost_line
from simulator.economics.ownership import servers_for
from simulator.economics.usage import Usage

__all__ = ["Owned"]


class Owned(Value):
    """Whole servers, bought and placed somewhere; they cost the same whether used or not.

    The capital is charged as an annuity that buys them and pays interest, less what they sell for:
    never depreciation and interest besides.
    """

    kind: Literal["owned"] = "owned"
    server: Server
    site: Site
    servers: Annotated[int, Field(ge=1)] | None = None
    """How many; not given: as few as hold the most GPUs that were needed at once."""
    spare_servers: Annotated[int, Field(ge=0)] = 0
    """Kept for when one breaks."""
    wacc: Annotated[float, Field(ge=0, le=1)] = 0.10
    """Cost of capital per year."""

    def count(self, used: Usage) -> int:
        """Servers bought, spares included."""
        peak = used.peak_gpus / used.gpus_per_replica
        needed = servers_for(peak, used.gpus_per_replica, self.server.gpus)
        return (self.servers or max(1, int(needed))) + self.spare_servers

    def paid_usd(self, used: Usage) -> float:
        """All that is paid at the start. [USD]"""
        return self.count(used) * self.server.paid_usd

    def lines(self, used: Usage) -> list[CostLine]:
        """Capital, power, cooling, space, peak demand, maintenance and spare parts."""
        return [*self._capital(used), *self._power(used), *self._upkeep(used)]

    def _shares(self, used: Usage) -> tuple[float, float]:
        """Of all GPU time owned, what was work, and what was nothing: idle, spare, not needed."""
        owned = self.count(used) * self.server.gpus * used.seconds
        busy = used.gpu_s.get("busy", 0.0) + used.gpu_s.get("draining", 0.0)
        work = busy / owned if owned > 0 else 0.0
        other = (used.gpu_s.get("warming", 0.0) + used.gpu_s.get("down", 0.0)) / max(owned, 1e-12)
        return min(work, 1.0), max(0.0, 1.0 - min(work, 1.0) - other)

    def _capital(self, used: Usage) -> list[CostLine]:
        server = self.server
        paid, work_idle = self.paid_usd(used), self._shares(used)
        charge = capital_charge(
            paid, server.salvage_share * paid, monthly_rate(self.wacc), server.life_months
        )
        known = {
            "servers": float(self.count(used)),
            "USD each": server.usd,
            "network share": server.network_share,
            "spare GPUs share": server.spare_gpus_share,
            "salvage share": server.salvage_share,
            "months": float(server.life_months),
            "WACC": self.wacc,
        }
        formula = "(K - S / (1 + i)^n) x i (1 + i)^n / ((1 + i)^n - 1), K with network, spares"
        return [
            cost_line(
                "capital",
                charge * used.months,
                "GPUs",
                formula,
                known,
                server,
                work=work_idle[0],
                idle=work_idle[1],
            )
        ]

    def _power(self, used: Usage) -> list[CostLine]:
        server, site = self.server, self.site
        idle_kwh = self.count(used) * server.idle_w / 1000 * used.months * HOURS_PER_MONTH
        known = {"USD/kWh": site.usd_per_kwh, "idle kWh": idle_kwh, "dynamic kWh": used.dynamic_kwh}
        peak_kw = (self.count(used) * server.idle_w / 1000 + used.peak_dynamic_kw) * site.pue
        usd = site.usd_per_kwh
        group = "power and cooling"
        cool = "(PUE - 1) x energy x price"
        both = (idle_kwh + used.dynamic_kwh) * usd
        moving = used.dynamic_kwh * usd / both if both > 0 else 0.0
        work, idle = self._shares(used)
        return [
            cost_line(
                "energy_idle", idle_kwh * usd, group, "servers x idle draw x hours x price",
                known, site, server, work=work, idle=idle,
            ),
            cost_line(
                "energy_dynamic", used.dynamic_kwh * usd, group,
                "energy above idle, from each step's load, x price",
                known, site, work=1.0, marginal=1.0,
            ),
            cost_line(
                "cooling", (site.pue - 1) * both, group, cool,
                {**known, "PUE": site.pue}, site,
                work=moving + (1 - moving) * work, idle=(1 - moving) * idle, marginal=moving,
            ),
            cost_line(
                "demand_charge", peak_kw * site.usd_per_peak_kw * used.months, group,
                "highest quarter of an hour x PUE x price per kW and month",
                {"peak kW": peak_kw, "USD/kW": site.usd_per_peak_kw}, site,
            ),
        ]  # fmt: skip

    def _upkeep(self, used: Usage) -> list[CostLine]:
        server, site, count = self.server, self.site, self.count(used)
        group = "space and upkeep"
        lost = server.gpu_failures_per_year * (1 - server.warranty_share) * server.gpus * count
        return [
            cost_line(
                "colocation", count * server.committed_kw * site.usd_per_kw_month * used.months,
                group, "kW committed x price per kW and month, used or not",
                {"kW": count * server.committed_kw, "USD/kW/month": site.usd_per_kw_month}, site,
            ),
            cost_line(
                "maintenance", count * server.maintenance_share * server.usd * used.months / 12,
                group, "share of the price per year",
                {"share": server.maintenance_share, "USD": count * server.usd}, server,
            ),
            cost_line(
                "spare_parts", lost * server.gpu_usd * used.months / 12,
                group, "failures per GPU and year x (1 - warranty) x GPUs x price of a GPU",
                {"failures/a": server.gpu_failures_per_year, "warranty": server.warranty_share,
                 "GPUs": float(server.gpus * count), "USD": server.gpu_usd}, server,
            ),
            cost_line(
                "insurance", count * server.insurance_share * server.usd * used.months / 12,
                group, "share of the price per year",
                {"share": server.insurance_share, "USD": count * server.usd}, server,
            ),
            cost_line(
                "remote_hands", count * site.remote_hands_usd_month * used.months,
                group, "per server and month",
                {"servers": float(count), "USD": site.remote_hands_usd_month}, site,
            ),
        ]  # fmt: skip
