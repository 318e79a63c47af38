"""What a way out saves: the same requests on the same fleet without it, and on one large enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.telling import dollars, number
from simulator.economics.bill import Bill, bill
from simulator.economics.overflow import Saving, saving
from simulator.record.metrics import goodput
from simulator.record.result import Result
from simulator.record.summary import summarise
from simulator.scenario import SLO, Scenario
from workloads.trace import Trace

__all__ = ["compared", "fewest_alone"]

MOST_TIMES = 256
Serve = Callable[[Scenario, str], Result]
KEPT = ("horizon_s", "requests", "goodput", "fleet")


def compared(
    scenario: Scenario, trace: Trace, result: Result, costs: Bill, serve: Serve
) -> dict[str, Any]:
    """A run with a way out beside runs of the same requests without one, as plain values.

    There are two to compare with. The same fleet without a way out says what the calls bought. The
    fewest replicas that keep as many requests good on their own say what one would have to hold
    instead; they are looked for where there is an SLO and the fleet is of a fixed size and of one
    kind.

    Parameters
    ----------
    scenario, trace, result, costs : the run with a way out.
    serve : plays another scenario on the same trace; it is told in words what that is.

    Returns
    -------
    dict: `same_fleet` and `fewest`, each in few numbers or None, `against_same_fleet` and
    `against_fewest` (`simulator.economics.overflow.Saving`), `tried` numbers of replicas, and
    `sentences` that say it.
    """
    alone = scenario.model_copy(update={"overflow": None})
    runs: dict[int, Result] = {}

    def run(replicas: int) -> Result:
        if replicas not in runs:
            words = f"{scenario.name}: {replicas} replicas, no way out"
            other = alone.model_copy(update={"replicas": replicas})
            runs[replicas] = serve(other, words)
        return runs[replicas]

    fixed = scenario.autoscaler is None and not scenario.pools
    same = run(scenario.replicas) if scenario.replicas or not fixed else None
    wanted = goodput(result).good_requests
    step = scenario.engine.data_parallel_size
    found = None
    sought = fixed and wanted > 0 and scenario.slo != SLO()
    if sought:
        first = max(scenario.replicas, step)
        found = fewest_alone(lambda n: goodput(run(n)).good_requests, wanted, first, step)
    others = {"same_fleet": same, "fewest": None if found is None else runs[found]}
    closed = trace.closed_loop
    against = {
        key: None if other is None else saving(result, other, closed_loop=closed)
        for key, other in others.items()
    }
    told: dict[str, Any] = {key: _in_few(other) for key, other in others.items()}
    told |= {f"against_{key}": one and one._asdict() for key, one in against.items()}
    tried = sorted(runs) if fixed else []
    return {
        **told,
        "tried": tried,
        "sentences": [
            *_of_same_fleet(against["same_fleet"], costs, scenario.slo),
            *(_of_fewest(found, against["fewest"], tried) if sought else ()),
            *_of_ends(result, same),
        ],
    }


def fewest_alone(good: Callable[[int], int], wanted: int, first: int, step: int = 1) -> int | None:
    """Fewest replicas that keep so many requests good, found by doubling and halving.

    More replicas are taken to keep no fewer good.

    Parameters
    ----------
    good : good requests with so many replicas.
    first : number to begin with; a multiple of `step`, as all that are tried.

    Returns
    -------
    None if doubling has not helped twice, or has led to 256 times as many as at first.

    >>> fewest_alone(lambda n: min(100, 30 * n), 90, first=1)
    3
    >>> fewest_alone(lambda n: min(100, 30 * n), 101, first=1) is None
    True
    """
    too_few, n, most, in_vain = 0, first, 0, 0
    while (kept := good(n)) < wanted:
        in_vain = in_vain + 1 if 0 < kept <= most else 0
        if in_vain == 2 or n >= MOST_TIMES * first:
            return None
        too_few, n, most = n, 2 * n, max(most, kept)
    while n - too_few > step:
        middle = too_few + (n - too_few) // (2 * step) * step
        if good(middle) >= wanted:
            n = middle
        else:
            too_few = middle
    return n


def _in_few(result: Result | None) -> dict[str, Any] | None:
    """A run in the numbers that stand beside those of the other."""
    if result is None:
        return None
    summary = summarise(result)
    kept: dict[str, Any] = {key: summary[key] for key in KEPT}
    return {
        "replicas": summary["fleet"]["replicas"],
        **kept,
        "latency": {"ttft_s": summary["latency"]["ttft_s"]},
        "bill": bill(result).headline(),
    }


def _of_same_fleet(found: Saving | None, costs: Bill, slo: SLO) -> list[str]:
    if found is None:
        return ["Without the way out there would be no fleet at all."]
    other = costs.usd_total + found.usd
    against = f"({dollars(costs.usd_total)} against {dollars(other)})"
    less = "more" if found.usd < 0 else "less"
    money = f"the bill is {dollars(abs(found.usd))} {less} {against}"
    if found.usd == 0:
        money = f"the bill is the same ({dollars(costs.usd_total)})"
    if found.good_more > 0:
        rest = f"{number(found.good_more)} more requests are good"
        if found.usd < 0:
            rest += f", {dollars(found.usd_per_good_more)} for each"
    elif found.good_more < 0:
        rest = f"{number(-found.good_more)} fewer requests are good"
    else:
        rest = "as many requests are good"
    beside = "Against the same fleet and the same requests without a way out, one run each"
    sentences = [f"{beside}: {money}, and {rest}."]
    if slo == SLO():
        sentences.append("The scenario has no SLO, so every completed request is good.")
    return sentences


def _of_fewest(replicas: int | None, found: Saving | None, tried: list[int]) -> list[str]:
    numbers = ", ".join(map(str, tried))
    if found is None:
        return [
            f"No number of replicas was found that keeps as many good without it (tried {numbers}, "
            "one run each)."
        ]
    count = f"{replicas} replica{'s' if replicas != 1 else ''}"
    return [
        f"To keep as many good without it takes {count} (tried {numbers}, one run each): "
        f"a bill {_beside(found.usd)}."
    ]


def _beside(more_usd: float) -> str:
    """How much more that is than with the way out."""
    if more_usd == 0:
        return "as high as with the way out"
    less = "less" if more_usd < 0 else "more"
    return f"{dollars(abs(more_usd))} {less} than with the way out"


def _of_ends(result: Result, same: Result | None) -> list[str]:
    if same is None or abs(same.horizon_s - result.horizon_s) < 0.01 * result.horizon_s:
        return []
    return [
        f"Rent is paid until the last answer: {number(result.horizon_s)} s with the way out, "
        f"{number(same.horizon_s)} s without it on the same fleet."
    ]
