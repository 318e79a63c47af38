"""Sites, servers and people: sane, dated, in dollars."""

import pytest

from hardware_profiles import GPU, InputError
from hardware_profiles.people import People
from hardware_profiles.server import Server
from hardware_profiles.site import Site

SITE = {
    "name": "x", "source": "made up", "checked": "2026-01-01", "confidence": "C",
    "region": "us", "usd_per_kwh": 0.1, "pue": 1.2,
}  # fmt: skip


@pytest.mark.parametrize("name", Server.names())
def test_a_server_holds_gpus_that_exist_and_costs_more_than_they_do(name: str) -> None:
    server = Server.named(name)
    gpu = GPU.named(server.gpu)
    assert server.usd > server.gpus * server.gpu_usd
    assert server.gpus * gpu.loaded_idle_w < server.idle_w < server.full_w
    assert server.full_w < 2.2 * server.gpus * gpu.tdp_w


@pytest.mark.parametrize("name", Site.names())
def test_a_site_is_sane(name: str) -> None:
    site = Site.named(name)
    assert 0 <= site.usd_per_kwh < 0.5
    assert 1.05 < site.pue < 1.8


@pytest.mark.parametrize("name", People.names())
def test_an_hour_costs_between_thirty_and_three_hundred_dollars(name: str) -> None:
    assert 30 < People.named(name).usd_per_hour < 300


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pue": 0.9}, "pue: .*greater than or equal to 1"),
        ({"pue": 12}, "pue: .*less than or equal to 3"),
        ({"usd_per_kwh": -0.1}, "usd_per_kwh: .*greater than or equal to 0"),
        ({"usd_per_kwh": 14.6}, "usd_per_kwh: .*less than or equal to 5"),
        ({"eur_per_kwh": 0.19}, "eur_per_kwh: all prices are in USD"),
        ({"currency": "EUR"}, "currency: EUR and USD cannot be added up"),
        ({"power_included": True}, "must be 0, found 0.1"),
        ({"checked": "2999-01-01"}, "lies in the future"),
        ({"source": " "}, "source"),
        (
            {"second": {"usd": 1, "source": "x", "checked": "2999-01-01"}},
            "second.checked: .*lies in the future",
        ),
    ],
)
def test_a_bad_site_is_told_what_is_wrong(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Site.parse({**SITE, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usd": 0}, "usd: .*greater than 0"),
        ({"salvage_share": 1.2}, "salvage_share: .*less than or equal to 1"),
        ({"idle_w": 9000}, "expected idle_w <= full_w"),
        ({"gpus": 0}, "gpus: .*greater than or equal to 1"),
    ],
)
def test_a_bad_server_is_told_what_is_wrong(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Server.parse({"like": "8x-h100-sxm", **changes})


def test_people_work_for_money_and_not_always() -> None:
    with pytest.raises(InputError, match=r"usd_per_year: .*greater than 0"):
        People.parse({"like": "us-platform-engineer", "usd_per_year": 0})
    with pytest.raises(InputError, match="hours_per_year"):
        People.parse({"like": "us-platform-engineer", "hours_per_year": 9000})


def test_sources_that_disagree_are_marked() -> None:
    assert Server.named("8x-h100-sxm").sources_disagree
    assert Site.named("us-colocation").sources_disagree
