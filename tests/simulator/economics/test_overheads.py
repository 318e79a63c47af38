"""What is paid besides the GPUs, each line from its inputs."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_profiles.errors import InputError
from hardware_profiles.price_book import token_price
from hardware_profiles.price_per_token import Rates, TokenPrice
from simulator.economics.api_spend import api_lines, api_spend
from simulator.economics.cost_line import CostLine, total
from simulator.economics.overheads import Overheads
from simulator.economics.quality import samples_to_detect
from simulator.economics.usage import Usage

MONTH = Usage(seconds=730 * 3600, gpu_s={}, output_tokens=1e9)
HALF = Usage(seconds=365 * 3600, gpu_s={}, output_tokens=5e8)


def usd(overheads: Overheads, used: Usage = MONTH, gpu_usd: float = 0.0) -> dict[str, float]:
    return {line.line: line.usd for line in overheads.lines(used, gpu_usd)}


def test_half_a_month_costs_half() -> None:
    ours = Overheads.parse({"like": "self-hosted", "egress_usd_per_gb": 0.1, "migration_h": 100})
    assert sum(usd(ours, HALF).values()) == pytest.approx(sum(usd(ours).values()) / 2)


def test_staging_is_the_larger_of_its_hours_and_its_share() -> None:
    ours = Overheads.parse({"like": "self-hosted", "staging_share": 0.05})
    assert usd(ours)["staging"] == pytest.approx(292 * 2.95)
    assert usd(ours, gpu_usd=100_000)["staging"] == pytest.approx(5_000)


def test_a_smaller_drop_takes_more_answers() -> None:
    fine = Overheads.parse({"like": "self-hosted", "detect_drop": 0.01})
    # Four times as many, but for rounding up and the approximation.
    ratio = usd(fine)["quality_sampling"] / usd(Overheads.named("self-hosted"))["quality_sampling"]
    assert ratio == pytest.approx(4.0, rel=0.001)
    assert samples_to_detect(0.95, 0.01) == pytest.approx(4 * samples_to_detect(0.95, 0.02))


def test_incidents_are_those_of_the_run_if_nobody_gives_a_number() -> None:
    ours = Overheads.parse({"like": "self-hosted", "incidents_per_month": None})
    calm, rough = (Usage(seconds=3600, gpu_s={}, incidents=n) for n in (0, 3))
    assert usd(ours, calm)["incidents"] == 0
    assert usd(ours, rough)["incidents"] == pytest.approx(3 * 1.5 * 240_000 / 2080 * 1.25)


def test_licences_are_per_gpu_and_egress_per_byte() -> None:
    ours = Overheads.parse(
        {"like": "self-hosted", "licence_usd_per_gpu_year": 4500, "egress_usd_per_gb": 0.09}
    )
    used = Usage(
        seconds=730 * 3600, gpu_s={}, held=np.array([8.0]), lasted_s=np.array([1.0]),
        output_tokens=1e9,
    )  # fmt: skip
    assert usd(ours, used)["licences"] == pytest.approx(8 * 375)
    assert usd(ours, used)["egress"] == pytest.approx(200 * 0.09)


def test_api_spend_adds_up_by_kind_of_token() -> None:
    price = TokenPrice.named("openai-gpt-5.4-mini")
    prompt, output, cached = [1500, 800], [300, 20], [500, 0]
    lines = api_lines(price, prompt, output, cached)
    assert total(lines) == pytest.approx(float(price.usd(prompt, output, cached).sum()))
    assert [line.line for line in lines] == ["api_input", "api_cached", "api_output"]
    batched = api_spend(price, prompt, output, cached, batch_share=1.0)
    assert batched.usd.sum() == pytest.approx(total(lines) / 2)


def test_batches_must_be_offered() -> None:
    with pytest.raises(InputError, match="has no price for batches"):
        api_spend(TokenPrice.named("groq-llama-3.3-70b"), [10], [10], batch_share=0.5)


def test_a_line_over_another_time_says_so() -> None:
    (line, *_) = api_lines(TokenPrice.named("novita-llama-3.3-70b"), [1e6], [0.0])
    month = line.scaled(30.0)
    assert month.usd == pytest.approx(0.135 * 30)
    assert month.inputs["M tokens"] * month.inputs["USD/M"] * month.inputs["time"] == month.usd
    assert month.formula.endswith("x time")


def test_a_line_is_never_negative() -> None:
    with pytest.raises(ValueError, match="never negative"):
        CostLine(line="x", usd=-1.0, group="people", formula="")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fte": -1}, "fte: .*greater than or equal to 0"),
        ({"fte": 1e6}, "fte: .*less than or equal to 1000"),
        ({"pass_rate": 0.1, "detect_drop": 0.2}, "detect_drop: 0.2 is more than"),
        ({"staging_usd_per_gpu_h": 0}, "staging_usd_per_gpu_h: needed"),
        ({"eur_tooling": 5}, "all prices are in USD"),
        ({"checked": "2999-01-01"}, "lies in the future"),
        ({"tools": 5}, "tools"),
    ],
)
def test_bad_overheads_are_told_what_is_wrong(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Overheads.parse({"like": "self-hosted", **changes})


tokens = st.integers(1, 400_000)


@given(
    st.lists(st.tuples(tokens, tokens, st.floats(0, 1)), min_size=2, max_size=8),
    st.floats(0.0, 1.0),
    st.floats(0.1, 10.0),
)
def test_api_spend_is_additive_over_requests_and_linear_in_prices(
    asked: list[tuple[int, int, float]], batch_share: float, factor: float
) -> None:
    price = token_price("openai", "gpt-5.6-sol", date(2026, 11, 22))
    prompt, output, hit = (np.array(column, dtype=float) for column in zip(*asked, strict=True))
    cached = np.floor(prompt * hit)
    whole = api_spend(price, prompt, output, cached, batch_share).usd
    each = [
        float(api_spend(price, [p], [o], [c], batch_share).usd[0])
        for p, o, c in zip(prompt, output, cached, strict=True)
    ]
    assert whole == pytest.approx(each)
    assert (whole >= 0).all()

    def dearer(rates: Rates) -> Rates:
        return Rates(**{n: None if v is None else v * factor for n, v in dict(rates).items()})

    tiers = tuple(t.model_copy(update={"rates": dearer(t.rates)}) for t in price.tiers)
    scaled = price.model_copy(update={"rates": dearer(price.rates), "tiers": tiers})
    found = api_spend(scaled, prompt, output, cached, batch_share).usd
    assert found == pytest.approx(factor * whole)
