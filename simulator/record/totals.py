"""The summary of a run told in chapters: sums, counts and sketches instead of tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from simulator.record import efficiency, metrics, usage
from simulator.record.at_once import AtOnce
from simulator.record.bins import Bins
from simulator.record.chapter import Chapter
from simulator.record.cold_start import ColdStart, cold_start
from simulator.record.efficiency import Energy
from simulator.record.fleet_size import fleet_size, gpu_hours
from simulator.record.how_sure import how_sure
from simulator.record.metrics import Goodput, Throughput
from simulator.record.result import Result
from simulator.record.runs import Runs
from simulator.record.sketch import RELATIVE_ERROR, Sketch
from simulator.record.states import States
from simulator.record.summary import LATENCIES
from simulator.record.tables import OUTCOMES
from simulator.record.tokens import passed_over, token_gaps, work

__all__ = ["Totals"]

COUNTED = ("preemptions", "prompt_tokens", "generated_tokens")
PER_REQUEST = ("queue_s", "ttft_s", "tpot_s", "e2e_s")


class Totals:
    """Everything that `simulator.record.summary.summarise` says of a run, from its chapters.

    Sums and counts are exact; percentiles are right to within `RELATIVE_ERROR`.
    """

    def __init__(self) -> None:
        self.latency = {name: Sketch() for name in LATENCIES}
        self.idle_gaps = Sketch()
        self.at_once = AtOnce()
        self.bins = Bins()
        self.sums: dict[str, float] = defaultdict(int)
        """Amounts by name: counts, tokens, seconds, joules."""
        self.peaks: dict[str, float] = defaultdict(int)
        self.states = States()

    def add(self, chapter: Chapter) -> None:
        """Take in the next chapter."""
        self._requests(chapter.ended)
        self._between_tokens(chapter)
        self._work(chapter.worked)
        self._idle(chapter.worked)
        self._in_system(chapter)
        self.bins.add(chapter)
        self.states.add(chapter.worked)
        self._more({f"cold {name}": n for name, n in cold_start(chapter.worked)._asdict().items()})

    def _requests(self, ended: Result) -> None:
        table, sums = ended.requests, self.sums
        for name in PER_REQUEST:
            self.latency[name].add(table[name])
        self._more({f"outcome {how}": n for how, n in metrics.outcomes(ended).items()})
        self._more({name: int(table[name].sum()) for name in COUNTED})
        sums["good"] += int(metrics.meets_slo(ended).sum())
        admitted = table[table["scheduled_s"].notna()]
        sums["cached"] += int(admitted["cached_tokens"].sum())
        sums["admitted_tokens"] += int(admitted["prompt_tokens"].sum())

    def _between_tokens(self, chapter: Chapter) -> None:
        """As `metrics.itl`: each step told now counts for those who decoded in it.

        Who was passed over in a step is known when the request has ended; it is then taken back.
        """
        ended, sketch = chapter.ended, self.latency["itl_s"]
        runs = Runs.of(ended.steps)
        assert runs.table is ended.steps, "the steps of a chapter stand in order"
        step_s, sequences = runs.gaps_s()
        told = np.repeat(chapter.fresh, runs.num_steps)
        sending = metrics.sending_s(ended)
        sketch.add(step_s[told] + sending, sequences[told])
        done = work(ended, runs)
        over = step_s[passed_over(done)] + sending
        sketch.add(over, np.full(len(over), -1))
        sketch.add(token_gaps(done, runs)["gap_s"].to_numpy() + sending)

    def _work(self, worked: Result) -> None:
        steps = worked.steps
        number = int(steps["num_steps"].sum())
        if not number:
            return
        gpus = worked.replicas.set_index("replica")["gpus"].reindex(steps["replica"]).to_numpy()
        took = (steps["end_s"] - steps["start_s"]).to_numpy()
        busy_gpu_s, busy_s = float((took * gpus).sum()), float(took.sum())
        used, batch = efficiency.efficiency(worked), usage.batch_size(worked)
        kv = usage.kv_use(worked)
        self._more({
            "steps": number,
            "prefill_tokens": int(steps["prefill_tokens"].sum()),
            "busy_s": busy_s,
            "busy_gpu_s": busy_gpu_s,
            "flops": used.mfu_busy * busy_gpu_s,
            "bytes": used.mbu_busy * busy_gpu_s,
            "sequences": batch.mean * number,
            "sequence_s": batch.time_mean * busy_s if busy_s else 0.0,
            "step_tokens": batch.tokens_per_step * number,
            "kv_s": kv.busy_mean * busy_s if busy_s else 0.0,
        })  # fmt: skip
        for name, peak in (("batch", batch.peak), ("kv", kv.peak)):
            self.peaks[name] = max(self.peaks[name], peak)

    def _idle(self, worked: Result) -> None:
        spans = worked.intervals
        busy_j, joules = efficiency.joules_drawn(worked)
        self.sums["kwh"] += joules / 3.6e6
        self.sums["busy_j"] += busy_j
        length = spans["end_s"] - spans["start_s"]
        idle = length[spans["state"] == "idle"]
        self.idle_gaps.add(idle[idle > 0])

    def _more(self, amounts: Mapping[str, float]) -> None:
        for name, amount in amounts.items():
            self.sums[name] += amount

    def _in_system(self, chapter: Chapter) -> None:
        table, end_s = chapter.ended.requests, chapter.ended.horizon_s
        there = table[table["outcome"] != "rejected"]
        came = np.minimum(there["arrival_s"].to_numpy(), end_s)
        left = np.minimum(there["finish_s"].fillna(end_s).to_numpy(), end_s)
        self.at_once.add(came, left)
        self.at_once.settle(end_s if chapter.last else chapter.settled_s)

    # -- what is told ------------------------------------------------------------------------------

    def arrived(self) -> int:
        """Requests told of so far."""
        return int(sum(self.sums[f"outcome {how}"] for how in OUTCOMES))

    def timeline(self) -> pd.DataFrame:
        """Table `timeline` of the fleet, in bins of whole seconds."""
        return self.bins.table(self.states.fleet())

    def summary(self) -> dict[str, Any]:
        """The run in one page, with the keys of `summarise`."""
        sums, fleet = self.sums, self.states.fleet()
        end_s = fleet.horizon_s
        completed, good = sums["outcome completed"], sums["good"]
        latency = {name: seen.distribution()._asdict() for name, seen in self.latency.items()}
        return {
            "scenario": fleet.scenario.name,
            "version": fleet.version,
            "horizon_s": float(end_s),
            "traffic": dict(fleet.traffic),
            "percentiles_within": RELATIVE_ERROR,
            "requests": {
                "arrived": self.arrived(),
                **{how: int(sums[f"outcome {how}"]) for how in OUTCOMES},
                **{name: int(sums[name]) for name in COUNTED},
            },
            "latency": latency,
            "certainty": how_sure(fleet, latency),
            "throughput": Throughput(
                _ratio(completed, end_s),
                _ratio(sums["prefill_tokens"], end_s),
                _ratio(sums["generated_tokens"], end_s),
            )._asdict(),
            "goodput": Goodput(
                int(good), _ratio(good, self.arrived()), _ratio(good, end_s)
            )._asdict(),
            "concurrency": self.at_once.concurrency()._asdict(),
            "prefix_hit_rate": _ratio(sums["cached"], sums["admitted_tokens"]),
            "utilization": self._utilization(fleet),
            "idle": {
                "share": usage.state_shares(fleet)["idle"],
                "total_s": self.idle_gaps.total,
                "gaps_s": self.idle_gaps.distribution()._asdict(),
            },
            "energy": self._energy(end_s)._asdict(),
            "fleet": {
                **fleet_size(fleet),
                "cold_start": {name: sums[f"cold {name}"] for name in ColdStart._fields},
            },
        }

    def _utilization(self, fleet: Result) -> dict[str, Any]:
        sums, steps = self.sums, self.sums["steps"]
        held_gpu_s = gpu_hours(fleet) * 3600
        ready = fleet.intervals["state"].isin(["busy", "idle", "draining"])
        ready_s = float((fleet.intervals["end_s"] - fleet.intervals["start_s"])[ready].sum())
        batch = usage.BatchSize(
            mean=_ratio(sums["sequences"], steps),
            time_mean=_ratio(sums["sequence_s"], sums["busy_s"]),
            peak=int(self.peaks["batch"]),
            tokens_per_step=_ratio(sums["step_tokens"], steps),
        )
        kv = usage.KVUse(
            mean=_ratio(sums["kv_s"], ready_s),
            busy_mean=_ratio(sums["kv_s"], sums["busy_s"]),
            peak=float(self.peaks["kv"]) if steps else np.nan,
        )
        used = efficiency.Efficiency(
            mfu=_ratio(sums["flops"], held_gpu_s),
            mbu=_ratio(sums["bytes"], held_gpu_s),
            mfu_busy=_ratio(sums["flops"], sums["busy_gpu_s"]),
            mbu_busy=_ratio(sums["bytes"], sums["busy_gpu_s"]),
        )
        return {
            **used._asdict(),
            "time_shares": usage.state_shares(fleet),
            "batch_size": batch._asdict(),
            "kv": kv._asdict(),
        }

    def _energy(self, end_s: float) -> Energy:
        sums = self.sums
        numbers = (sums["outcome completed"], sums["generated_tokens"], sums["steps"])
        return Energy.of(sums["busy_j"], sums["kwh"] * 3.6e6, end_s, *map(int, numbers))


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole > 0 else float("nan")
