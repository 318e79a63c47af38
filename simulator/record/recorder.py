"""What a run keeps while it runs: growing columns, no objects."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simulator.engine.journal import Journal
from simulator.record.tables import OUTCOMES

if TYPE_CHECKING:
    from simulator.engine.batch import Batch
    from simulator.engine.request import Request

COMPLETED, REJECTED, UNFINISHED, TIMED_OUT, CANCELLED, FAILED = range(len(OUTCOMES))

STEP_COLUMNS = (
    "first_step",
    "num_steps",
    "start_s",
    "end_s",
    "first_step_s",
    "prefill_tokens",
    "prefill_seqs",
    "prefill_context",
    "prefill_pairs",
    "decode_seqs",
    "decode_context",
    "kv_blocks",
    "running",
    "waiting",
)
SECONDS = ("start_s", "end_s", "first_step_s")


class RequestLog:
    """One row a request, filled in as things happen to it."""

    def __init__(self, requests: int) -> None:
        self.scheduled_s = array("d", [nan]) * requests
        self.first_token_s = array("d", [nan]) * requests
        self.finish_s = array("d", [nan]) * requests
        self.generated_tokens = array("q", [0]) * requests
        self.cached_tokens = array("q", [0]) * requests
        self.preemptions = array("q", [0]) * requests
        self.replica = array("q", [-1]) * requests
        self.outcome = array("b", [UNFINISHED]) * requests

    def rejected(self, index: int, now_s: float) -> None:
        """The request was turned away at the door."""
        self.outcome[index] = REJECTED
        self.finish_s[index] = now_s

    def ended(self, index: int, outcome: int, now_s: float) -> None:
        """The request has ended in one of the ways that are not completion."""
        self.outcome[index] = outcome
        self.finish_s[index] = now_s

    def columns(self) -> dict[str, np.ndarray]:
        """The columns as arrays that share the log's memory."""
        return {name: np.frombuffer(column, column.typecode) for name, column in vars(self).items()}


_BLANK = {name: (column.typecode, column[0]) for name, column in vars(RequestLog(1)).items()}
"""Type and first value of each column."""


class WindowLog(RequestLog):
    """The same columns by row, of those requests only that are to come soon or are not told yet."""

    def __init__(self) -> None:
        super().__init__(0)
        for name in _BLANK:
            setattr(self, name, {})

    def open(self, rows: range) -> None:
        """These requests may arrive from now on."""
        for name, (_, blank) in _BLANK.items():
            getattr(self, name).update(dict.fromkeys(rows, blank))

    def take(self, rows: Sequence[int]) -> RequestLog:
        """These rows as a log of their own, in this order; they are forgotten here."""
        taken = RequestLog(0)
        for name, (typecode, _) in _BLANK.items():
            setattr(taken, name, array(typecode, map(getattr(self, name).pop, rows)))
        return taken


class ReplicaLog:
    """What one replica did: a row for each run of equal steps, and its scheduler's journal."""

    def __init__(self, number: int, requests: RequestLog) -> None:
        self.number = number
        self.requests = requests
        self.journal = Journal()
        self._steps = array("d")

    def steps(self, batch: Batch, steps: int, starts: Sequence[float]) -> None:
        """``steps`` steps of the batch have run, each from one of ``starts`` to the next."""
        start = starts[0]
        self._steps.extend(
            (
                batch.first_step,
                steps,
                start,
                starts[steps],
                starts[1] - start,
                batch.prefill_tokens,
                batch.prefill_seqs,
                batch.prefill_context,
                batch.prefill_pairs,
                batch.decode_seqs,
                batch.decode_context,
                batch.kv_blocks,
                batch.running,
                batch.waiting,
            )
        )

    def torn(self, batch: Batch, ended: int, start_s: float, now_s: float) -> None:
        """The engine died in the batch's step after the ``ended`` ones; its time was paid."""
        self._steps.extend(
            (
                batch.first_step + ended,
                1,
                start_s,
                now_s,
                now_s - start_s,
                batch.prefill_tokens,
                batch.prefill_seqs,
                batch.prefill_context,
                batch.prefill_pairs,
                batch.decode_seqs,
                batch.decode_context + ended * batch.decode_seqs,
                batch.kv_blocks,
                batch.running,
                batch.waiting,
            )
        )

    def tear(self, launch_s: float, now_s: float) -> bool:
        """The engine died in the last step on record, which began at ``launch_s``.

        Returns whether that step had begun at all; if not, it is struck off.
        """
        row = dict(zip(STEP_COLUMNS, self._steps[-len(STEP_COLUMNS) :], strict=True))
        if now_s >= row["end_s"]:
            return True
        del self._steps[-len(STEP_COLUMNS) :]
        whole = row["num_steps"] - 1
        if whole:
            self._steps.extend({**row, "num_steps": whole, "end_s": launch_s}.values())
        if now_s > launch_s:
            last = {
                "first_step": row["first_step"] + whole,
                "num_steps": 1,
                "start_s": launch_s,
                "end_s": now_s,
                "first_step_s": now_s - launch_s,
                "decode_context": row["decode_context"] + whole * row["decode_seqs"],
            }
            self._steps.extend({**row, **last}.values())
        return now_s > launch_s

    def steps_run(self) -> int:
        """Steps on record, the last of them perhaps torn."""
        if not self._steps:
            return 0
        row = dict(zip(STEP_COLUMNS, self._steps[-len(STEP_COLUMNS) :], strict=True))
        return int(row["first_step"] + row["num_steps"])

    def forget_runs(self, runs: int) -> None:
        """Strike off the first so many rows of steps."""
        del self._steps[: runs * len(STEP_COLUMNS)]

    def admitted(self, requests: Sequence[Request], now_s: float) -> None:
        """Requests were taken from the queue for the first time."""
        log = self.requests
        for request in requests:
            log.scheduled_s[request.index] = now_s
            log.cached_tokens[request.index] = request.cached_tokens
            log.replica[request.index] = self.number

    def first_tokens(self, requests: Sequence[Request], now_s: float) -> None:
        """The first output tokens of these requests came back."""
        first_token_s = self.requests.first_token_s
        for request in requests:
            first_token_s[request.index] = now_s

    def dropped(self, request: Request) -> None:
        """The request left before its end, with as many tokens as it had then."""
        self.requests.generated_tokens[request.index] = request.generated
        self.requests.preemptions[request.index] = request.preemptions

    def finished(self, requests: Sequence[Request], now_s: float) -> None:
        """The last output tokens of these requests came back."""
        log = self.requests
        for request in requests:
            index = request.index
            log.finish_s[index] = now_s
            log.generated_tokens[index] = request.generated
            log.preemptions[index] = request.preemptions
            log.outcome[index] = COMPLETED

    def step_table(self) -> pd.DataFrame:
        """One row a run of equal steps."""
        rows = np.frombuffer(self._steps).reshape(-1, len(STEP_COLUMNS))
        frame = pd.DataFrame(
            {
                name: rows[:, i].astype(np.float64 if name in SECONDS else np.int64)
                for i, name in enumerate(STEP_COLUMNS)
            }
        )
        frame.insert(0, "replica", self.number)
        return frame

    def chunk_table(self) -> pd.DataFrame:
        """One row a chunk of prompt tokens."""
        return self._journal_table(self.journal.chunks, Journal.CHUNK)

    def stay_table(self) -> pd.DataFrame:
        """One row a stay in decode."""
        return self._journal_table(self.journal.stays, Journal.STAY)

    def _journal_table(self, rows: array[int], names: tuple[str, ...]) -> pd.DataFrame:
        columns = np.frombuffer(rows, np.int64).reshape(-1, len(names))
        frame = pd.DataFrame({name: columns[:, i] for i, name in enumerate(names)})
        frame.insert(1, "replica", self.number)
        return frame
