"""A scenario in one sentence: what runs on what, who may come and go, at what price."""

from simulator.fleet.autoscaler import Fixed
from simulator.scenario import Scenario

__all__ = ["in_words"]


def in_words(scenario: Scenario) -> str:
    """What runs on what, at what price.

    >>> chat = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm",
    ...         "offer": "nebius-h100-sxm-on-demand"}
    >>> in_words(Scenario.parse(chat)).partition(";")[0]
    'llama-3.1-8b on 1 x h100-sxm, round_robin'
    >>> scaler = {"kind": "target_queue", "target": 2, "max_replicas": 4}
    >>> in_words(Scenario.parse({**chat, "autoscaler": scaler})).partition(";")[0]
    'llama-3.1-8b on 1 to 4 x h100-sxm (target_queue), round_robin'
    """
    plans = scenario.plans()
    if scenario.disaggregation is not None:
        way = f"prefill in {scenario.disaggregation.prefill}, decode in " + (
            scenario.disaggregation.decode
        )
    elif scenario.pool_choice is not None:
        way = scenario.pool_choice.kind
    else:
        way = scenario.router.kind
    models = list(dict.fromkeys(plan.model.name for plan in plans.values()))
    replicas = " + ".join(
        _replicas(name, plan, models if len(models) > 1 else []) for name, plan in plans.items()
    )
    what = f"{models[0]} on {replicas}" if len(models) == 1 else replicas
    offers = {plan.offer.name: plan.offer for plan in plans.values()}
    prices = ", ".join(
        f"{offer.name} at {offer.usd_per_gpu_hour:g} USD per GPU-hour "
        f"({offer.checked}, confidence {offer.confidence})"
        for offer in offers.values()
    )
    words = f"{what}, {way}; {prices}"
    if scenario.overflow is not None:
        words += "; way out to " + ", ".join(each.name for each in scenario.overflow.endpoints)
    return words


def _replicas(name: str, plan: Scenario, models: list[str]) -> str:
    gpus, scaler = plan.gpus_per_replica, plan.autoscaler
    count, notes = f"{plan.replicas}", [name] if name else []
    if scaler is not None:
        low = scaler.max_replicas if isinstance(scaler, Fixed) else scaler.min_replicas
        count = f"{low} to {scaler.max_replicas}"
        if low == scaler.max_replicas:
            count = f"{low}"
        notes.append(scaler.kind)
    replica = f"{gpus} x {plan.gpu.name}" if gpus > 1 else plan.gpu.name
    noted = f" ({', '.join(notes)})" if notes else ""
    return (f"{plan.model.name} on " if models else "") + f"{count} x {replica}{noted}"
