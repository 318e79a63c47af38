"""What a scenario could end in, so that to have had none of it is worth a line."""

from collections.abc import Iterator

from simulator.scenario import Scenario
from workloads.clients import Client
from workloads.mix import Mix
from workloads.servegen import ServeGen
from workloads.traffic import Traffic

__all__ = ["possible_lines"]


def possible_lines(scenario: Scenario) -> set[str]:
    """Paths of a run's summary that this scenario could make other than zero.

    >>> chat = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm"}
    >>> possible_lines(Scenario.parse(chat))
    set()
    >>> crash = {"kind": "engine_crash", "mtbf_h": 5}
    >>> sorted(possible_lines(Scenario.parse({**chat, "faults": [crash]})))
    ['bill.gpu_rent_down', 'requests.failed', 'utilization.time_shares.down']
    """
    found: set[str] = set()
    for client in _clients(scenario.traffic):
        if client.timeout_s is not None or client.first_token_timeout_s is not None:
            found.add("requests.timed_out")
        if client.cancel_share:
            found.add("requests.cancelled")
    if scenario.faults:
        found |= {"requests.failed", *_state("down")}
    scaled = any(plan.autoscaler is not None for plan in scenario.plans().values())
    if scaled or scenario.operations:
        found |= _state("draining")
    if any(plan.start_up is not None for plan in scenario.plans().values()):
        found |= _state("warming")
    if scenario.overflow is not None:
        found.add("bill.endpoint_calls")
    return found


def _state(name: str) -> set[str]:
    return {f"utilization.time_shares.{name}", f"bill.gpu_rent_{name}"}


def _clients(traffic: Traffic) -> Iterator[Client]:
    """Who asks, as far as they have manners of their own."""
    if isinstance(traffic, Mix):
        for each in traffic.clients:
            yield from [each.client] if each.client is not None else _clients(each.traffic)
    elif not isinstance(traffic, ServeGen) and traffic.client is not None:
        yield traffic.client
