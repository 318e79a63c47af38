"""Is the simulated scheduler the real one? Step for step against what a real one did.

A line of an oracle file is a scenario, what engine served it, how long steps take as a linear law,
and what the real scheduler made of it: `OracleScenario` says which keys. The scenario goes through
the very `simulate` that users call, and every instant and count must agree.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from hardware_profiles.errors import InputError
from hardware_profiles.explain import explain
from hardware_profiles.value import Value
from simulator.record.result import Result
from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.trace import Trace

__all__ = ["OracleScenario", "Verdict", "play", "read_oracle", "step_log", "validate"]

TOLERANCE_S = 1e-6
"""Instants further apart than this differ. [s]"""
NotNegative = Annotated[float, Field(ge=0, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Tokens = Annotated[int, Field(ge=1, le=2**31, strict=True)]


class Expected(Value):
    """What the real scheduler did, each list in the order of the requests."""

    first_token_s: tuple[NotNegative, ...]
    finish_s: tuple[NotNegative, ...]
    cached_tokens: tuple[Count, ...]
    preemptions: tuple[Count, ...]
    steps: Count
    step_log: tuple[tuple[NotNegative, Count, Count, Count], ...] = ()
    """The first steps: start, tokens, sequences, context."""


class OracleRequest(Value):
    """One request; other notes of the file, such as its session, play no part in scheduling."""

    model_config = ConfigDict(extra="ignore")

    arrival_s: NotNegative
    prompt: Annotated[tuple[tuple[str, Tokens], ...], Field(min_length=1)] | None = None
    """``[segment, tokens]`` pairs."""
    prompt_tokens: Tokens | None = None
    """Instead of ``prompt``, for one that shares nothing."""
    output_tokens: Tokens
    priority: int = 0


class StepTimeLaw(Value):
    """``c0 + c_tok · tokens + c_ctx · context + c_seq · sequences``. [s]"""

    c0: NotNegative
    c_tok: NotNegative = 0.0
    c_ctx: NotNegative = 0.0
    c_seq: NotNegative = 0.0


class OracleScenario(Value):
    """One line of an oracle file."""

    name: str
    version: str
    """``vllm-0.15.1``; its first two numbers name the engine's profile."""
    engine: dict[str, Any]
    """Engine arguments; one that is absent has the scheduler's bare default: synchronous."""
    step_time: StepTimeLaw
    requests: Annotated[tuple[OracleRequest, ...], Field(min_length=1)]
    expected: Expected

    def scenario(self) -> Scenario:
        """The same as a scenario; model, GPU and price are there but play no part."""
        engine = {str(key).replace("-", "_"): value for key, value in self.engine.items()}
        if "num_gpu_blocks" in engine:
            engine["num_gpu_blocks_override"] = engine.pop("num_gpu_blocks")
        profile = ".".join(self.version.split(".")[:2])
        return Scenario.parse(
            {
                "name": self.name,
                "traffic": "steady-chat",
                "model": "llama-3.1-8b",
                "gpu": "h100-sxm",
                "engine": {"profile": profile, "async_scheduling": False, **engine},
                "step_time": {"kind": "linear", **self.step_time.model_dump()},
            }
        )

    def trace(self) -> Trace:
        """The requests, in order of arrival."""
        return Trace.from_requests(row.model_dump(exclude_none=True) for row in self.requests)


class Verdict(NamedTuple):
    """How far the simulated scheduler was from the real one on one scenario."""

    name: str
    version: str
    requests: int
    steps: int
    first_token_diff_s: float
    finish_diff_s: float
    cached_tokens_diffs: int
    preemptions_diffs: int
    steps_diff: int
    step_log_diffs: int
    preemptions: int

    @property
    def agrees(self) -> bool:
        """Every instant within a microsecond, every count equal."""
        counts = self.cached_tokens_diffs, self.preemptions_diffs, self.step_log_diffs
        instants = self.first_token_diff_s, self.finish_diff_s
        # Not "any difference is larger": a missing instant is NaN, and NaN is never larger.
        return not any(counts) and not self.steps_diff and all(d <= TOLERANCE_S for d in instants)


def read_oracle(path: Path | str) -> Iterator[OracleScenario]:
    """The scenarios of a ``.jsonl`` or ``.jsonl.gz`` file, one by one.

    Raises
    ------
    InputError
        If a line is not such a scenario, or there is none.
    """
    path = Path(path)
    found = False
    for number, line in _lines(path):
        if line.strip():
            yield _parse(line, f"{path}:{number}")
            found = True
    if not found:
        raise InputError(f"{path}: no scenario in it; expected one JSON object a line")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with (gzip.open if zipped else open)(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                yield number, line
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; expected an oracle file") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        where = f"{path}:{number + 1}"
        raise InputError(f"{where}: cannot be read ({error}); expected JSON lines") from None


def _parse(line: str, where: str) -> OracleScenario:
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error}") from None
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected a JSON object, found {type(data).__name__}")
    try:
        scenario = OracleScenario.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {explain(error, data, OracleScenario)}") from None
    for key in ("first_token_s", "finish_s", "cached_tokens", "preemptions"):
        if len(getattr(scenario.expected, key)) != len(scenario.requests):
            raise InputError(
                f"{where}: expected.{key} has {len(getattr(scenario.expected, key))} entries "
                f"for {len(scenario.requests)} requests"
            )
    return scenario


def play(oracle: OracleScenario) -> Result:
    """Simulate the scenario.

    Raises
    ------
    InputError
        If its engine or its requests cannot be simulated.
    """
    try:
        return simulate(oracle.scenario(), oracle.trace())
    except InputError as error:
        raise InputError(f"scenario {oracle.name}: {error}") from None


def validate(oracle: OracleScenario) -> Verdict:
    """Simulate the scenario and compare."""
    result, expected = play(oracle), oracle.expected
    arrivals = [row.arrival_s for row in oracle.requests]
    order = np.argsort(arrivals, kind="stable")  # rows of the trace, in the file's order
    got = result.requests

    def apart(column: str, values: Sequence[float]) -> Any:
        return np.abs(got[column].to_numpy() - np.asarray(values)[order])

    simulated = step_log(result, len(expected.step_log))
    return Verdict(
        name=oracle.name,
        version=oracle.version,
        requests=len(got),
        steps=expected.steps,
        first_token_diff_s=float(np.max(apart("first_token_s", expected.first_token_s))),
        finish_diff_s=float(np.max(apart("finish_s", expected.finish_s))),
        cached_tokens_diffs=int(np.count_nonzero(apart("cached_tokens", expected.cached_tokens))),
        preemptions_diffs=int(np.count_nonzero(apart("preemptions", expected.preemptions))),
        steps_diff=int(result.steps["num_steps"].sum()) - expected.steps,
        step_log_diffs=_log_diffs(simulated, expected.step_log),
        preemptions=int(sum(expected.preemptions)),
    )


def step_log(result: Result, limit: int | None = None) -> np.ndarray:
    """Single steps of a run on one replica: rows of start, tokens, sequences, context."""
    steps = result.steps
    if limit is not None:
        steps = steps.iloc[:limit]  # a row is at least one step
    runs = steps["num_steps"].to_numpy()
    row = np.repeat(np.arange(len(steps)), runs)
    within = np.arange(len(row)) - np.repeat(np.cumsum(runs) - runs, runs)

    def column(name: str) -> Any:
        return steps[name].to_numpy()[row]

    pairs = runs * (runs - 1) / 2
    rest = (steps["end_s"] - steps["start_s"]).to_numpy() - runs * steps["first_step_s"].to_numpy()
    growth = np.divide(rest, pairs, out=np.zeros(len(steps)), where=pairs > 0)[row]
    before = within * column("first_step_s") + growth * within * (within - 1) / 2
    return np.column_stack(
        [
            column("start_s") + before,
            column("prefill_tokens") + column("decode_seqs"),
            column("prefill_seqs") + column("decode_seqs"),
            column("prefill_context") + column("decode_context") + within * column("decode_seqs"),
        ]
    )[:limit]


def _log_diffs(simulated: np.ndarray, expected: Sequence[Sequence[float]]) -> int:
    """Logged steps that start at another instant or compute something else."""
    if not expected:
        return 0
    logged = np.asarray(expected, dtype=np.float64)
    both = min(len(simulated), len(logged))
    apart = np.abs(simulated[:both] - logged[:both])
    differ = (apart[:, 0] > TOLERANCE_S) | (apart[:, 1:] != 0).any(axis=1)
    return int(differ.sum()) + len(logged) - both


def summary_line(verdicts: Sequence[Verdict]) -> str:
    """How many agree, in words."""
    differing = [v.name for v in verdicts if not v.agrees]
    total = len(verdicts)
    if not differing:
        return f"all {total} scenarios agree, {sum(v.requests for v in verdicts):,} requests"
    return f"{len(differing)} of {total} scenarios differ: {', '.join(differing[:10])}"


def as_row(verdict: Verdict) -> Mapping[str, str]:
    """The verdict as a row of the printed table."""
    return {
        "scenario": verdict.name,
        "version": verdict.version,
        "requests": f"{verdict.requests:,}",
        "steps": f"{verdict.steps:,}",
        "first token": f"{verdict.first_token_diff_s:.1e} s",
        "finish": f"{verdict.finish_diff_s:.1e} s",
        "cached": str(verdict.cached_tokens_diffs),
        "preemptions": str(verdict.preemptions_diffs),
        "steps off": f"{verdict.steps_diff:+d}" if verdict.steps_diff else "0",
        "step log": str(verdict.step_log_diffs),
        "": "agrees" if verdict.agrees else "DIFFERS",
    }
