"""Chapters of a long run: the tables of what has ended since the one before, then forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from simulator.record.recorder import UNFINISHED, ReplicaLog, WindowLog
from simulator.record.result import Result
from simulator.record.tables import empty, frame
from simulator.record.write_up import intervals_of, request_table
from workloads.notes import notes_of
from workloads.trace import Trace

if TYPE_CHECKING:
    from simulator.fleet.ahead import Block
    from simulator.scenario import Scenario

__all__ = ["Chapter", "Fleet", "Teller"]

Ints = NDArray[np.int64]
INPUTS = ("arrival_s", "prompt_tokens", "output_tokens", "priority")


@dataclass(frozen=True, eq=False, kw_only=True)
class Chapter:
    """What has come to its end since the chapter before. All chapters together are the run."""

    ended: Result
    """The requests that have ended, a row each; `chunks` and `decodes` count them from 0 on, and
    `steps` go as far back as these reach."""
    worked: Result
    """Steps that no chapter before has told, and the intervals they make; no requests."""
    fresh: NDArray[np.bool_]
    """Which rows of ``ended.steps`` those are."""
    settled_s: float
    """Whatever arrived before has ended and been told. [s]"""
    last: bool


class Fleet(NamedTuple):
    """The replicas so far."""

    replicas: dict[str, ArrayLike]
    """Columns of the table `replicas`; those that go on stop now."""
    spans: list[list[tuple[str, float]]]
    """For each its states and when each began."""
    stopped: list[bool]
    """Whether it does no more."""
    leaving: set[int]
    """Requests that have ended, which an engine has yet to drop."""


class Teller:
    """Turns what was kept into chapters, and strikes it off.

    Parameters
    ----------
    log, logs : what is kept of requests and of each replica; more of these may come.
    client : seconds that the API server adds before a request, and to each token.
    """

    def __init__(
        self,
        scenario: Scenario,
        version: str,
        log: WindowLog,
        logs: Iterable[ReplicaLog],
        client: tuple[float, float],
    ) -> None:
        self.log = log
        self._stamp: dict[str, Any] = {"scenario": scenario, "version": version}
        self._logs = logs
        self._client = client
        self._inputs: dict[str, dict[int, Any]] = {name: {} for name in (*INPUTS, "tenant")}
        self._told: dict[int, int] = {}
        """Rows of steps of each replica that are still kept and have been told."""
        self._until_s: dict[int, float] = {}
        """How far the intervals of each replica have been told. [s]"""

    def expect(self, block: Block) -> None:
        """These requests come next."""
        self.log.open(block.rows)
        self._stamp["traffic"] = notes_of(block.trace.meta)
        for name, column in self._inputs.items():
            column.update(zip(block.rows, block.column(name), strict=False))

    def chapter(self, now_s: float, fleet: Fleet, *, last: bool) -> Chapter:
        """What has ended by now; with `last` everything."""
        outcome = self.log.outcome.items()  # type: ignore[attr-defined]
        arrivals = self._inputs["arrival_s"]
        rows, settled_s = [], now_s
        for row, how in outcome:
            if last or (how != UNFINISHED and row not in fleet.leaving):
                rows.append(row)
            else:
                settled_s = min(settled_s, arrivals[row])
        rows.sort()
        told = np.array(rows, dtype=np.int64)
        chunks = self._journal("chunks", [log.chunk_table() for log in self._logs], told)
        decodes = self._journal("decodes", [log.stay_table() for log in self._logs], told)
        for log in self._logs:
            log.journal.forget(told)
        steps, fresh = self._steps(fleet, last=last)
        replicas = frame("replicas", fleet.replicas)
        common = {**self._stamp, "horizon_s": now_s, "replicas": replicas}
        worked = steps[fresh].reset_index(drop=True)
        return Chapter(
            ended=Result(
                requests=self._requests(rows, chunks),
                steps=steps,
                chunks=chunks,
                decodes=decodes,
                intervals=empty("intervals"),
                **common,
            ),
            worked=Result(
                requests=empty("requests"),
                steps=worked,
                chunks=empty("chunks"),
                decodes=empty("decodes"),
                intervals=self._intervals(worked, fleet, last=last),
                **common,
            ),
            fresh=fresh,
            settled_s=settled_s,
            last=last,
        )

    def _requests(self, rows: list[int], chunks: pd.DataFrame) -> pd.DataFrame:
        columns = {name: list(map(self._inputs[name].pop, rows)) for name in INPUTS}
        tenant = self._inputs["tenant"]
        if tenant:
            columns["tenant"] = [tenant.pop(row, None) for row in rows]
        trace = Trace.from_columns(**columns)  # type: ignore[arg-type]
        log = self.log.take(rows)
        table = request_table(trace, trace.arrival_s, log, chunks, self._client)
        return table.assign(request_id=np.array(rows, dtype=np.int64))

    @staticmethod
    def _journal(table: str, parts: list[pd.DataFrame], told: Ints) -> pd.DataFrame:
        """Rows of the requests told, which are counted from 0 on."""
        kept = [part[np.isin(part["request"], told)] for part in parts if len(part)]
        if not kept:
            return empty(table)
        whole = pd.concat(kept, ignore_index=True)
        return whole.assign(request=np.searchsorted(told, whole["request"]))

    def _steps(self, fleet: Fleet, *, last: bool) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """All steps that are kept, and which of them are told now; what nobody needs is forgotten.

        The last row of a replica that goes on is told next time: its last step may be torn yet.
        """
        tables, fresh = [empty("steps")], [np.zeros(0, dtype=np.bool_)]
        for log, stopped in zip(self._logs, fleet.stopped, strict=True):
            table = log.step_table()
            if not len(table):
                continue
            told = self._told.get(log.number, 0)
            upto = len(table) if last or stopped else max(len(table) - 1, told)
            place = np.arange(len(table))
            tables.append(table)
            fresh.append((place >= told) & (place < upto))
            ends = (table["first_step"] + table["num_steps"]).to_numpy()
            oldest = log.journal.oldest_step()
            gone = len(table)
            if oldest is not None:
                gone = max(int(np.searchsorted(ends, oldest, side="right")) - 1, 0)
            if not (stopped and oldest is None):  # a step's wait is told from the end of the last
                gone = min(gone, max(upto - 1, 0))
            log.forget_runs(gone)
            self._told[log.number] = upto - gone
        whole = pd.concat(tables[1:] or tables, ignore_index=True)
        return whole, np.concatenate(fresh)

    def _intervals(self, worked: pd.DataFrame, fleet: Fleet, *, last: bool) -> pd.DataFrame:
        """Those that ended with the steps told now; with all of a replica's life, its last."""
        reached = worked.groupby("replica")["end_s"].max()
        spans, ends = [], []
        stops = np.asarray(fleet.replicas["stopped_s"], dtype=np.float64).tolist()
        for number, (life, stop_s) in enumerate(zip(fleet.spans, stops, strict=True)):
            begin_s = self._until_s.get(number, life[0][1] if life else stop_s)
            end_s = stop_s
            if not (last or fleet.stopped[number]):
                end_s = float(reached.get(number, begin_s))
            self._until_s[number] = end_s
            until = [*(begin for _, begin in life), stop_s][1:]
            spans.append(
                [
                    (state, max(begin, begin_s))
                    for (state, begin), done in zip(life, until, strict=True)
                    if begin < end_s and done > begin_s
                ]
            )
            ends.append(end_s)
        return intervals_of(worked, spans, np.array(ends))
