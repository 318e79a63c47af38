"""Offers: prices that are sane, dated, and for GPUs that exist."""

import pytest

from hardware_profiles import GPU, InputError, Node, Offer

SHELF = Offer.names()


@pytest.mark.parametrize("name", SHELF)
def test_an_offer_is_for_a_gpu_on_the_shelf_and_named_for_it(name: str) -> None:
    offer = Offer.named(name)
    assert offer.gpu in GPU.names()
    assert offer.name == f"{offer.provider}-{offer.gpu}-{offer.mode}".replace("_", "-")


@pytest.mark.parametrize("name", SHELF)
def test_a_gpu_hour_costs_between_a_dime_and_twenty_dollars(name: str) -> None:
    assert 0.1 < Offer.named(name).usd_per_gpu_hour < 20


def test_spot_is_cheaper_than_on_demand_at_the_same_provider() -> None:
    offers = {(o.provider, o.gpu, o.mode): o for o in map(Offer.named, SHELF)}
    pairs = [(o, offers.get((o.provider, o.gpu, "on_demand"))) for o in offers.values()]
    compared = [(spot, firm) for spot, firm in pairs if spot.mode == "spot" and firm]
    assert compared
    assert all(spot.usd_per_gpu_hour < firm.usd_per_gpu_hour for spot, firm in compared)


def test_a_commitment_has_a_term_and_nothing_else_has() -> None:
    for offer in map(Offer.named, SHELF):
        assert (offer.term_months is not None) == (offer.mode == "reserved")


def test_the_price_of_an_aws_p5_is_the_one_since_june_2025() -> None:
    assert 8 * Offer.named("aws-h100-sxm-on-demand").usd_per_gpu_hour == pytest.approx(55.04)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usd_per_gpu_hour": -1}, "usd_per_gpu_hour: input should be greater than or equal to 0"),
        ({"usd_per_gpu_hour": "cheap"}, "usd_per_gpu_hour: .*found 'cheap'"),
        ({"mode": "on-demand"}, "mode: input should be 'on_demand'"),
        ({"billing_quantum_s": 0}, "billing_quantum_s: input should be greater than 0"),
        ({"usd_per_gpu_hour": 4000}, "usd_per_gpu_hour: .*less than or equal to 1000"),
        ({"upfront_share": 0.5}, "upfront_share: needs term_months"),
        ({"reclaims_per_hour": 1}, "reclaims_per_hour: only spot is reclaimed"),
        ({"currency": "EUR"}, "currency: EUR and USD cannot be added up"),
        ({"checked": "2999-01-01"}, "lies in the future"),
    ],
)
def test_a_bad_offer_is_told_what_is_wrong(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Offer.parse({"like": "aws-l4-on-demand", **changes})


@pytest.mark.parametrize("name", Node.names())
def test_a_node_is_wired_as_its_gpus_are(name: str) -> None:
    node = Node.named(name)
    assert node.gpu_link == node.gpu.link
    assert node.network.bytes_per_s < node.gpu_link.bytes_per_s


def test_an_offer_whose_sources_disagree_is_marked() -> None:
    assert Offer.named("aws-h100-sxm-on-demand").sources_disagree
    assert not Offer.named("nebius-h100-sxm-on-demand").sources_disagree


def test_a_worker_kept_on_is_cheaper_by_the_second() -> None:
    flex = [o for o in map(Offer.named, SHELF) if o.mode == "serverless"]
    assert flex
    assert all((o.usd_per_active_gpu_hour or 0) < o.usd_per_gpu_hour for o in flex)
