"""How fast the simulator is on its standard workloads.

Question. How many requests does a second of ours simulate, and in how much memory?
What is varied. Length, rate, fleet, shared prefixes, memory pressure: `bench_workloads`.
What is held. Model, GPU, law of step times, seed. Each run has a fresh process; imports and making
the trace are left out, finding shared prefixes and writing the result's tables are in.
What we found. `make bench` says it, for the machine it runs on: medians of several runs.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal

import simpy
from rich.console import Console
from rich.table import Table

from experiments.bench_workloads import WORKLOADS
from simulator.simulate import simulate

__all__ = ["bare_event_s", "main", "measure"]

TIMEOUTS = 200_000
OUT = Path("build") / "bench.json"


def bare_event_s(timeouts: int = TIMEOUTS) -> float:
    """Seconds that a plain SimPy process needs for one timeout."""
    env = simpy.Environment()

    def wait() -> Any:
        for _ in range(timeouts):
            yield env.timeout(1)

    env.process(wait())
    start = perf_counter()
    env.run()
    return (perf_counter() - start) / timeouts


def measure(name: str) -> dict[str, float | str]:
    """Run one workload once, in this process."""
    workload = WORKLOADS[name]
    trace, scenario = workload.make_trace(), workload.scenario(name)
    start = perf_counter()
    result = simulate(scenario, trace)
    wall_s = perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "workload": name,
        "requests": len(trace),
        "wall_s": wall_s,
        "requests_per_s": len(trace) / wall_s,
        "steps": int(result.steps["num_steps"].sum()),
        "events": len(result.steps),
        "preemptions": int(result.requests["preemptions"].sum()),
        "peak_mb": peak_mb,
        "simpy_event_multiple": wall_s / len(trace) / bare_event_s(),
    }


def in_fresh_processes(name: str, repeats: int) -> dict[str, Any]:
    """Median of several runs, each in a process of its own."""
    command = [sys.executable, "-m", "experiments.bench", "--one", name]
    runs = []
    for _ in range(repeats):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout))
    middle = {
        key: median(run[key] for run in runs) if isinstance(value, float) else value
        for key, value in runs[0].items()
    }
    walls = [run["wall_s"] for run in runs]
    return {**middle, "wall_s_min": min(walls), "wall_s_max": max(walls), "runs": repeats}


def as_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The figures as somebody would read them."""
    table = Table(title="medians; x SimPy: a request costs as much as so many bare SimPy timeouts")
    for heading in (
        "workload", "requests", "wall s", "min – max", "requests/s", "engine steps",
        "steps/s", "MB", "x SimPy",
    ):  # fmt: skip
        side: Literal["left", "right"] = "left" if heading == "workload" else "right"
        table.add_column(heading, justify=side, no_wrap=True)
    for row in rows:
        table.add_row(
            row["workload"],
            f"{row['requests']:,}",
            f"{row['wall_s']:.2f}",
            f"{row['wall_s_min']:.2f} – {row['wall_s_max']:.2f}",
            f"{row['requests_per_s']:,.0f}",
            f"{row['steps']:,}",
            f"{row['steps'] / row['wall_s']:,.0f}",
            f"{row['peak_mb']:,.0f}",
            f"{row['simpy_event_multiple']:.0f}",
        )
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the workloads, print the table, write ``build/bench.json``."""
    parser = ArgumentParser(prog="make bench", description="How fast the simulator is.")
    parser.add_argument("names", nargs="*", help="workloads to run; all if none is named")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; W3 and W8 one less")
    parser.add_argument("--one", help="run this workload here and print its figures as JSON")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    if unknown := set(given.names) - set(WORKLOADS):
        parser.error(f"no workload {sorted(unknown)[0]!r}; there are {', '.join(WORKLOADS)}")
    rows: list[dict[str, Any]] = []
    console = Console()
    for name in given.names or WORKLOADS:
        needs = WORKLOADS[name].needs
        if needs is not None and not needs.exists():
            console.print(f"{name} NOT MEASURED: no {needs.name} beside the repository")
            continue
        repeats = max(1, given.repeats - (name in ("W3", "W8")))
        rows.append(in_fresh_processes(name, repeats))
        console.print(f"{name}: {rows[-1]['requests_per_s']:,.0f} requests/s", highlight=False)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    Console(width=max(110, console.width)).print(as_table(rows))
    console.print(f"figures are in {given.out}")


if __name__ == "__main__":
    main()
