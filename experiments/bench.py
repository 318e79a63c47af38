"""How fast the simulator is: simulated steps, requests and hours for each second of ours.

Question. What does a run cost on this machine?
What is varied. The load: a fleet with time to spare, and one replica that is always full.
What is held. Model, GPU, lengths, seed. The best of three runs counts: the others had to wait.
What we found. `make bench` says it, for the machine it runs on.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from simulator import Scenario, simulate

__all__ = ["Speed", "measure"]

SCENARIO = Path(__file__).parent / "scenarios" / "chat-8b.yaml"
LOADS: dict[str, dict[str, Any]] = {
    "an hour of chat, 2 x H100": {},
    "the same on one L4, full": {"gpu": "l4", "offer": "aws-l4-on-demand", "replicas": 1},
    "ten times the chat, 8 x H100": {
        "traffic.arrivals": {"kind": "poisson", "rate_per_s": 55},
        "replicas": 8,
    },
}
REPEATS = 3


class Speed(NamedTuple):
    """One load, and how long it took."""

    requests: int
    steps: int
    simulated_s: float
    seconds: float


def measure(scenario: Scenario, repeats: int = REPEATS) -> Speed:
    """Simulate a scenario so many times and keep the fastest.

    The trace is drawn beforehand: what is timed is the run itself.
    """
    trace = scenario.trace()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = simulate(scenario, trace)
        times.append(time.perf_counter() - begin)
    steps = int(result.steps["num_steps"].sum())
    return Speed(len(trace), steps, float(result.horizon_s), min(times))


def main() -> None:
    """Print a table with a row for each load."""
    table = Table(title="best of three", title_justify="left", header_style="bold")
    titles = ("seconds", "requests/s", "steps/s", "times real time")
    for title in ("", *titles):
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    for name, changes in LOADS.items():
        speed = measure(Scenario.from_file(SCENARIO, changes))
        rates = (speed.requests, speed.steps, speed.simulated_s)
        table.add_row(
            name, f"{speed.seconds:.2f}", *(f"{rate / speed.seconds:,.0f}" for rate in rates)
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
