"""Routes on the same requests: priced to the last line, ruled out in words, ranked by futures."""

from __future__ import annotations

import math
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from experiments.cli import app
from experiments.compare import Outcome, compare, month_table
from experiments.compare_capacity import capacity
from experiments.compare_peak import peak_rule
from experiments.compare_routes import Bought, Comparison, Constraints, Grid, SelfHosted
from experiments.compare_run import audit, run_comparison
from experiments.compare_service import Service
from experiments.decision import Decision, decision
from experiments.figures_compare_routes import month_parts
from experiments.memo_page import memo_html
from hardware_profiles.errors import InputError
from hardware_profiles.offer import Offer
from hardware_profiles.price_per_token import TokenPrice
from simulator.economics.contract import OnDemand
from simulator.economics.cost_line import by_group, total
from simulator.economics.way import best_month, hybrid_sizes, steady_month
from simulator.scenario import Scenario

SHIPPED = Path(__file__).parents[2] / "experiments" / "comparisons" / "chat-70b.yaml"
SCENARIO = """
traffic:
  kind: synthetic
  arrivals: {kind: poisson, rate_per_s: 3.0}
  prompt_tokens: {kind: fixed, tokens: 600}
  output_tokens: {kind: fixed, tokens: 60}
model: llama-3.1-8b
gpu: h100-sxm
replicas: 2
slo: {ttft_s: 0.6, tpot_s: 0.05}
horizon_s: 60
"""
SERVICE = (
    """{source: made up, checked: 2026-01-01, ttft_s: 0.3, ttft_sigma: 0.1, tokens_per_s: 90}"""
)
COMPARISON = f"""
base: base.yaml
constraints: {{regions: [us]}}
grid: {{seeds: 2, horizon_s: 20}}
outlook: {{draws: 300, months: 24}}
routes:
  - name: cloud
    gpus: {{kind: on_demand, offer: nebius-h100-sxm-on-demand}}
    overheads: self-hosted
  - name: spot
    gpus: {{kind: spot, offer: nebius-h100-sxm-spot, fallback: nebius-h100-sxm-on-demand}}
    overheads: self-hosted
  - name: reserved
    gpus: {{kind: reserved, offer: rental-h100-sxm-reserved, overflow: nebius-h100-sxm-on-demand}}
    overheads: self-hosted
  - name: own
    gpus: {{kind: owned, server: 8x-h100-sxm, site: us-colocation}}
    overheads: own-servers
  - name: api
    kind: endpoint
    price: together-llama-3.1-8b-turbo
    service: {SERVICE}
    overheads: buying-an-api
  - name: far
    kind: endpoint
    region: asia
    price: novita-llama-3.1-8b
    service: {SERVICE}
    overheads: buying-an-api
  - name: both
    kind: hybrid
    scenario: {{replicas: 1, engine.max_num_seqs: 1}}
    gpus: {{kind: on_demand, offer: nebius-h100-sxm-on-demand}}
    overheads: self-hosted
    overflow:
      price: together-llama-3.1-8b-turbo
      when: [{{kind: ttft, ttft_s: 0.25}}]
      service: {SERVICE}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("compare")
    (folder / "base.yaml").write_text(SCENARIO, encoding="utf-8")
    (folder / "routes.yaml").write_text(COMPARISON, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def comparison(folder: Path) -> Comparison:
    return Comparison.from_file(folder / "routes.yaml")


@pytest.fixture(scope="module")
def outcomes(comparison: Comparison) -> list[Outcome]:
    return compare(comparison)


@pytest.fixture(scope="module")
def decided(comparison: Comparison, outcomes: list[Outcome]) -> Decision:
    return decision(comparison, outcomes)


def by_name(outcomes: list[Outcome], name: str) -> Outcome:
    return next(found for found in outcomes if found.route.name == name)


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in COMPARISON
    path = folder / "changed.yaml"
    path.write_text(COMPARISON.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_parts_of_every_route_are_its_month(outcomes: list[Outcome]) -> None:
    table = month_table(outcomes).set_index("route")
    for found in outcomes:
        groups = by_group(found.lines)
        assert math.fsum(groups.values()) == pytest.approx(found.usd)
        columns = [f"usd_{group.replace(' ', '_').lower()}" for group in groups]
        assert table.loc[found.route.name, columns].sum() == pytest.approx(found.usd)


def test_all_routes_serve_the_same_requests(outcomes: list[Outcome]) -> None:
    assert len({found.requests_per_month for found in outcomes}) == 1


def test_a_month_on_the_cloud_is_its_gpu_hours(outcomes: list[Outcome]) -> None:
    rent = by_group(by_name(outcomes, "cloud").lines)["GPUs"]
    assert rent == pytest.approx(2 * 730 * 2.95)


def test_the_api_costs_its_tokens(outcomes: list[Outcome]) -> None:
    found = by_name(outcomes, "api")
    expected = found.requests_per_month * (600 + 60) * 0.18 / 1e6
    assert by_group(found.lines)["API"] == pytest.approx(expected)


def test_a_hybrid_sends_away_what_is_too_much(outcomes: list[Outcome]) -> None:
    found = by_name(outcomes, "both")
    assert 0 < found.overflow_share < 1
    price = 660 * 0.18 / 1e6
    expected = found.overflow_share * found.requests_per_month * price
    assert by_group(found.lines)["API"] == pytest.approx(expected)


def test_more_patience_overflows_less(comparison: Comparison, folder: Path) -> None:
    shares = []
    for patience in (0.001, 0.25, 30.0):
        path = changed(folder, "ttft_s: 0.25", f"ttft_s: {patience}")
        found = Comparison.from_file(path)
        both = found.model_copy(update={"routes": found.routes[-1:]})
        shares.append(compare(both)[0].overflow_share)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1] == 0.0


def test_answers_that_are_not_good_enough_are_asked_again(comparison: Comparison) -> None:
    better = TokenPrice.named("openai-gpt-5.6-terra")
    route = next(r for r in comparison.routes if r.name == "api")
    changes = {"pass_rate": 0.9, "escalate_to": better}
    one, other = (
        compare(comparison.model_copy(update={"routes": (r,)}))[0]
        for r in (route, route.model_copy(update=changes))
    )
    each = float(better.usd(600, 60))
    assert other.usd - one.usd == pytest.approx(0.1 * each * one.requests_per_month)


def test_twice_the_price_is_twice_the_line_of_that_route(comparison: Comparison) -> None:
    dear = Offer.parse({"like": "nebius-h100-sxm-on-demand", "usd_per_gpu_hour": 5.90})
    route = next(r for r in comparison.routes if r.name == "cloud")
    costly = route.model_copy(update={"gpus": OnDemand(offer=dear)})
    one, other = (
        compare(comparison.model_copy(update={"routes": (r,)}))[0] for r in (route, costly)
    )
    cheap, costs = by_group(one.lines), by_group(other.lines)
    assert costs["GPUs"] == pytest.approx(2 * cheap["GPUs"])
    assert {**costs, "GPUs": 0.0} == pytest.approx({**cheap, "GPUs": 0.0})


def test_reclaims_are_simulated_where_the_scenario_has_them(folder: Path) -> None:
    faults = "{start_up: {provision_s: 5}, faults: [{kind: spot_reclaim, at_s: [20], notice_s: 1}]}"
    path = changed(folder, "  - name: spot\n", f"  - name: spot\n    scenario: {faults}\n")
    found = Comparison.from_file(path)
    (spot,) = compare(found.model_copy(update={"routes": found.routes[1:2]}))
    lines = {line.line: line.usd for line in spot.lines}
    assert lines["gpu_rent_warming"] > 0
    assert lines["spot_loading_again"] == lines["spot_lost_work"] == 0
    assert spot.used is not None
    assert spot.used.incidents > 0 or len(spot.used.life_s) > 2


def test_what_breaks_a_constraint_is_shown_and_says_why(outcomes: list[Outcome]) -> None:
    assert by_name(outcomes, "far").broken == ("in asia, not in us",)
    table = month_table(outcomes)
    assert table.iloc[-1]["route"] == "far"
    assert not table.iloc[-1]["allowed"]


@pytest.mark.parametrize(
    ("must", "route", "words"),
    [
        ({"private": True}, "api", "prompts leave the house"),
        ({"private": True}, "both", "prompts leave the house"),
        ({"ttft_p95_s": 0.01}, "cloud", "ttft_p95 .* s, at most 0.01 s"),
        ({"good_share": 1.0, "e2e_p95_s": 0.001}, "api", "e2e_p95"),
        ({"usd_per_month": 10}, "own", r"a month, at most \$10"),
    ],
)
def test_each_constraint_rules_out(
    comparison: Comparison, must: dict[str, Any], route: str, words: str
) -> None:
    strict = comparison.model_copy(update={"constraints": Constraints.parse(must)})
    only = strict.model_copy(
        update={"routes": tuple(r for r in comparison.routes if r.name == route)}
    )
    (found,) = compare(only)
    assert any(re.search(words, reason) for reason in found.broken)


def test_every_number_can_be_traced(outcomes: list[Outcome]) -> None:
    table = audit(outcomes)
    paid = table[table["usd"] > 0]
    assert (paid["formula"].str.len() > 0).all()
    assert (paid["source"].str.len() > 0).all()
    assert (paid["checked"].str.len() == 10).all()
    assert table["usd"].sum() == pytest.approx(sum(total(found.lines) for found in outcomes))


def test_the_same_seed_gives_the_same(comparison: Comparison, outcomes: list[Outcome]) -> None:
    pd.testing.assert_frame_equal(month_table(compare(comparison)), month_table(outcomes))


def test_limits_and_outages_refuse_requests(comparison: Comparison) -> None:
    def good(**limits: float) -> float:
        route = next(r for r in comparison.routes if r.name == "api")
        assert isinstance(route, Bought)
        slow = route.service.model_copy(update=limits)
        routes = (route.model_copy(update={"service": slow}),)
        return compare(comparison.model_copy(update={"routes": routes}))[0].good_share

    assert good() == 1.0
    assert good(requests_per_minute=40.0) < 0.6
    assert good(tokens_per_minute=30_000.0) < 0.6
    assert good(mtbf_h=0.005, outage_s=60.0) < 1.0


def test_what_is_found_in_a_cache_was_kept_there_at_a_price(comparison: Comparison) -> None:
    api = next(route for route in comparison.routes if isinstance(route, Bought))
    priced = {"listed": "anthropic/claude-haiku-4-5", "on": "2026-11-22"}
    known = {**api.model_dump(), "price": priced, "cached_share": 0.5}
    routes = [Bought.parse({**known, "name": "kept"}),
              Bought.parse({**known, "name": "free", "written_share": 0.0})]  # fmt: skip
    kept, free = compare(comparison.model_copy(update={"routes": tuple(routes)}))
    lines = {line.line: line for line in kept.lines}
    half = kept.requests_per_month * 600 / 2 / 1e6
    assert lines["api_cached"].usd == pytest.approx(half * 0.10)
    assert lines["api_cache_write"].usd == pytest.approx(half * 1.25)
    assert kept.usd - free.usd == pytest.approx(half * 0.25)


def test_a_price_of_the_list_needs_its_day(folder: Path) -> None:
    listed = "price: {listed: google/gemini-3.8-flash, on: 2026-11-22}"
    path = changed(folder, "price: together-llama-3.1-8b-turbo", listed)
    (api,) = (r for r in Comparison.from_file(path).routes if r.name == "api")
    assert isinstance(api, Bought)
    assert api.price.changes[0].rates.output == 2 * api.price.rates.output
    undated = "price: {listed: google/gemini-3.8-flash}"
    with pytest.raises(InputError, match=r"on: this key is needed"):
        Comparison.from_file(changed(folder, "price: together-llama-3.1-8b-turbo", undated))
    for wrong in ("gemini-3.8-flash", "google/gemini-9"):
        named = f"price: {{listed: {wrong}, on: 2026-11-22}}"
        with pytest.raises(InputError, match=r"listed|no model called"):
            Comparison.from_file(changed(folder, "price: together-llama-3.1-8b-turbo", named))


def test_what_is_asked_again_is_paid_in_all_years(comparison: Comparison) -> None:
    better = TokenPrice.named("openai-gpt-5.4-mini")
    cloud = comparison.routes[0].model_copy(update={"pass_rate": 0.9, "escalate_to": better})
    one = comparison.model_copy(update={"routes": (cloud,)})
    outcomes = compare(one)
    (line,) = (line for line in outcomes[0].lines if line.line == "escalation")
    found = decision(one, outcomes)
    way = found.way("cloud")
    plain = way.with_(asked_again_usd=0.0)
    more = float(steady_month(way, found.load)) - float(steady_month(plain, found.load))
    assert more == pytest.approx(line.usd)


def test_a_service_may_be_an_endpoint_of_the_shelf() -> None:
    found = Service.parse("together-llama-3.3-70b")
    assert found.ttft_s == 0.4
    with pytest.raises(InputError, match="no Endpoint is called 'together'"):
        Service.parse("together")


def test_capacity_is_between_loads_that_are_and_are_not_good(comparison: Comparison) -> None:
    scenario = Scenario.from_file(comparison.base)
    found = capacity(scenario, Grid(seeds=2, horizon_s=20.0))
    good = found.runs[found.runs["good_share"] >= 0.95]
    bad = found.runs[found.runs["good_share"] < 0.95]
    assert good["load"].min() < found.requests_per_s < bad["load"].max()
    assert found.standard_error >= 0


def test_the_peak_rule_costs_more_and_misses_less(comparison: Comparison) -> None:
    scenario = Scenario.from_file(comparison.base)
    table = peak_rule(scenario, scenario.trace(), at_once=1.0, replica_month_usd=1000.0)
    assert table["level"].tolist() == ["mean", "p95", "p99", "peak"]
    assert table["replicas"].is_monotonic_increasing
    assert table["usd_per_month"].is_monotonic_increasing
    assert table["usd_per_month"].to_numpy() == pytest.approx(1000.0 * table["replicas"].to_numpy())
    assert table["missed_per_month"].iloc[-1] <= table["missed_per_month"].iloc[0]


def test_the_future_ranks_what_keeps_the_constraints(decided: Decision) -> None:
    assert "far" not in decided.values
    assert decided.drawn.table["p_cheapest"].sum() == pytest.approx(1.0)
    assert decided.best == decided.drawn.table["mean"].idxmin()
    assert (decided.way(decided.best).kind == "endpoint") != (
        decided.way(decided.second).kind == "endpoint"
    )


def test_a_way_has_the_overheads_of_its_route(decided: Decision, outcomes: list[Outcome]) -> None:
    for way in decided.ways:
        found = by_name(outcomes, way.name)
        groups = by_group(found.lines)
        rest = sum(
            groups.get(name, 0.0)
            for name in ("people", "staging", "quality and updates", "tooling and transfer")
        )
        assert way.overhead_usd == pytest.approx(rest)
    api = decided.way("api")
    assert float(steady_month(api, decided.load)) == pytest.approx(by_name(outcomes, "api").usd)


def test_hybrid_sizes_go_from_all_away_to_none(decided: Decision) -> None:
    way = decided.way("both").with_(requests_per_s=1.0)
    table = hybrid_sizes(way, 3.0, 2.0)
    assert table["overflow_share"].iloc[0] == pytest.approx(1.0)
    assert table["overflow_share"].iloc[-1] == pytest.approx(0.0)
    assert (table["overflow_share"].diff().dropna() < 0).all()


def test_the_folder_has_tables_pictures_and_a_memo(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    console = Console(width=150, record=True, file=StringIO())
    run_comparison(folder / "routes.yaml", {}, out, console, audit=True)
    told = console.export_text()
    assert "Recommended:" in told
    assert "(GPU-hours busy x price) x time" in " ".join(told.split())
    names = {path.name for path in out.iterdir()}
    assert {
        "routes.csv",
        "audit.csv",
        "years.csv",
        "break_even.csv",
        "memo.md",
        "memo.html",
    } <= names
    drawn = ("month", "latency", "map", "years", "break_even", "utilization", "chances", "inputs")
    assert {f"routes_{name}.png" for name in drawn} <= names
    memo = (out / "memo.md").read_text(encoding="utf-8")
    assert "What it hangs on" in memo
    assert "How much of our own, how much elsewhere" in memo
    assert "in today's money. With all inputs at their medians" in memo
    years = pd.read_csv(out / "years.csv", index_col="route")
    assert years["against"].dropna().isin(["api"]).all()
    assert float(years["saved_usd"]["api"]) == 0.0
    chances = pd.read_csv(out / "chances.csv", index_col=0)
    assert chances.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert memo.count("\n1. ") == 1
    page = (out / "memo.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64") == memo.count("![")
    assert page.count("<details>") == 7
    assert "GPU-hours busy x price" in page


def test_a_page_shows_signs_as_signs(tmp_path: Path) -> None:
    assert "a &lt; b" in memo_html("# a < b\n\n**x** & y", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: spot", "name: cloud", "the name 'cloud' is given twice"),
        ("kind: on_demand", "kind: leased", "leased"),
        ("offer: nebius-h100-sxm-on-demand", "offer: nebius-h100", "no Offer is called"),
        ("overheads: self-hosted", "overheads: selfhosted", "did you mean 'self-hosted'"),
        ("base: base.yaml", "base: nothing.yaml", "nothing.yaml"),
        ("regions: [us]", "regions: us", "regions"),
        ("draws: 300", "draws: 300, ranges: {gpu: [1, 2, 3]}", "no input is called 'gpu'"),
        ("draws: 300", "draws: 300, ranges: {growth: [3, 2, 1]}", "least <= most likely <= most"),
        ("draws: 300", "draws: 300, ranges: {peak_to_mean: [0.5, 1, 2]}", "at least 1, found 0.5"),
        ("draws: 300", "draws: 1e9", "draws: .*less than or equal to"),
        ("draws: 300", "draws: 300, correlations: [[gpu, fte, 0.5]]", "no input is called 'gpu'"),
        ("draws: 300", "draws: 300, correlations: [[fte, fte, 0.5]]", "fte with itself"),
        ("draws: 300", "draws: 300, correlations: [[fte, wages, 1.5]]", "less than 1"),
        (
            "draws: 300",
            "draws: 300, correlations: [[fte, wages, .9], [fte, noise, .9], [wages, noise, -.9]]",
            "no distribution has all of these",
        ),
        ("scenario: {replicas: 1, ", "scenario: {pools: [{name: a}], ", "pools"),
        ("seeds: 2", "seeds: 1", "seeds: .*greater than or equal to 2"),
        ("region: asia", "region: asia\n    cached_share: 1.2", "cached_share: .*less than"),
        ("kind: ttft", "kind: mood", "mood"),
        ("ttft_s: 0.3", "ttft_s: -1", "ttft_s: .*greater than or equal to 0"),
        ("checked: 2026-01-01", "checked: 2999-01-01", "lies in the future"),
        ("source: made up, ", "", "source"),
        ("offer: nebius-h100-sxm-spot", "offer: verda-b200-spot", "is a price for h100-sxm"),
        ("offer: nebius-h100-sxm-on-demand", "offer: aws-l4-on-demand", "gpus are l4, but"),
        ("{replicas: 1, ", "{replica: 1, ", "replica"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(folder: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as found:
        compare(Comparison.from_file(changed(folder, old, new)))
    assert "\n" not in str(found.value)


def test_no_route_left_is_told_and_nothing_written(folder: Path, tmp_path: Path) -> None:
    path = changed(folder, "regions: [us]", "regions: [moon]")
    found = CliRunner().invoke(app, ["compare", str(path), "--out", str(tmp_path / "out")])
    assert found.exit_code == 2
    assert "no route keeps them" in found.stderr
    assert not (tmp_path / "out").exists()


def test_the_shipped_comparison_is_read() -> None:
    found = Comparison.from_file(SHIPPED)
    kinds = {route.kind for route in found.routes}
    assert kinds == {"self_hosted", "endpoint", "hybrid"}
    assert len(found.routes) >= 7


def test_the_bars_of_a_month_add_up_to_it(outcomes: list[Outcome]) -> None:
    for found in outcomes:
        parts = month_parts(found)
        assert math.fsum(parts.values()) == pytest.approx(found.usd)
        assert min(parts.values()) >= -1e-9


def test_every_way_with_gpus_is_set_against_every_endpoint(decided: Decision) -> None:
    table = decided.break_even
    assert set(table["own"]) == {"cloud", "spot", "reserved", "own"}
    assert (table["first_cheaper_rps"] <= table["always_cheaper_rps"]).all()
    # At the use that breaks even, the GPUs of a request cost what the endpoint charges.
    row = table[table["own"] == "cloud"].iloc[0]
    way, api = decided.way("cloud"), decided.way("api")
    per_request = way.replica_month_usd / (way.requests_per_s * 730 * 3600)
    assert per_request / row["utilization_to_break_even"] == pytest.approx(api.price_per_request)
    assert row["burst_ceiling"] == pytest.approx(1 / row["utilization_to_break_even"])


def test_at_a_crossing_both_cost_the_same(decided: Decision) -> None:
    for row in decided.break_even.to_dict(orient="records"):
        load, par = float(row["first_cheaper_rps"]), float(row["peak_to_mean"])
        if not 0 < load < math.inf:
            continue
        own, api = (decided.way(str(row[name])) for name in ("own", "api"))
        after = load * (1 + 1e-6)
        assert float(best_month(own, after, par)) <= float(best_month(api, after, par)) * (1 + 1e-6)
        before = load * (1 - 1e-3)
        assert float(best_month(own, before, par)) >= float(best_month(api, before, par))


def test_at_the_price_that_breaks_even_both_cost_the_same(decided: Decision) -> None:
    for row in decided.break_even.to_dict(orient="records"):
        own, api = (decided.way(str(row[name])) for name in ("own", "api"))
        par, price = float(row["peak_to_mean"]), float(row["usd_per_1k_requests_to_break_even"])
        dearer = api.with_(price_per_request=price / 1e3)
        month = [float(best_month(way, decided.load, par)) for way in (own, dearer)]
        assert month[0] == pytest.approx(month[1])


def test_incidents_are_not_counted_from_a_minute(comparison: Comparison) -> None:
    given = {"like": "self-hosted", "incidents_per_month": None}
    cloud = SelfHosted.parse(comparison.routes[0].model_dump() | {"overheads": given})
    with pytest.raises(InputError, match="too short to count incidents from"):
        compare(comparison.model_copy(update={"routes": (cloud,)}))


def test_the_middle_of_the_tornado_is_the_median_future(decided: Decision) -> None:
    assert decided.tornado["middle"].nunique() == 1
    assert (decided.sobol["total_low"] <= decided.sobol["total_high"]).all()


def test_a_fleet_that_scales_is_not_projected_as_if_it_stood_still(comparison: Comparison) -> None:
    scaler = {"kind": "target_concurrency", "target": 4, "max_replicas": 4, "interval_s": 10}
    known = comparison.routes[0].model_dump() | {"scenario": {"autoscaler": scaler}}
    scaled = SelfHosted.parse(known)
    one = comparison.model_copy(update={"routes": (scaled, comparison.routes[4])})
    found = decision(one, compare(one))
    assert found.way("cloud").elastic
    row = found.break_even.iloc[-1]
    assert math.isnan(row["burst_ceiling"])
