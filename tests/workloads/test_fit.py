"""A fit finds again what made the traffic, and says how near it comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from hardware_profiles.errors import InputError
from workloads import formats
from workloads.arrivals import MMPP, Gamma, Poisson
from workloads.edit import anonymise, loop, thin
from workloads.fit import fit
from workloads.fit_arrivals import fit_arrivals, ks_distance
from workloads.fit_lengths import fit_lengths, rank_correlation
from workloads.trace import Trace
from workloads.traffic import Traffic, named


def seeded():
    return np.random.default_rng(11)


def measure(found, name, column="distance"):
    return found.quality.set_index("measure").loc[name, column]


@pytest.mark.parametrize(
    "process",
    [
        Poisson(rate_per_s=4),
        Gamma(rate_per_s=4, cv=2.5),
        MMPP(on_rate_per_s=16, off_rate_per_s=2, on_s=20, off_s=60),
    ],
    ids=lambda process: process.kind,
)
def test_arrivals_are_found_again(process):
    table, best = fit_arrivals(process.sample(seeded(), horizon_s=7200), seeded())
    assert best.kind == process.kind
    assert best.mean_rate() == pytest.approx(process.mean_rate(), rel=0.15)
    assert best.gap_cv() == pytest.approx(process.gap_cv(), rel=0.15)
    assert table.score.is_monotonic_increasing


def test_lognormal_lengths_are_found_again():
    from workloads.lengths import Lognormal

    found = fit_lengths(Lognormal(median=300, sigma=0.9).sample(seeded(), 20_000))
    assert found.kind == "lognormal"
    assert found.median == pytest.approx(300, rel=0.03)
    assert found.sigma == pytest.approx(0.9, rel=0.03)


def test_other_lengths_are_drawn_again_as_they_were():
    lengths = np.concatenate([np.full(600, 50), np.full(400, 3000)])
    found = fit_lengths(lengths)
    assert found.kind == "empirical"
    assert found.mean_tokens() == pytest.approx(lengths.mean(), rel=0.01)
    assert fit_lengths(np.full(9, 7)).tokens == 7


def test_correlation_of_lengths_is_found_again():
    recipe = named("steady-chat").model_copy(
        update={"length_correlation": 0.6, "num_requests": 20_000}
    )
    trace = recipe.sample(seeded(), None)
    assert rank_correlation(trace.prompt_tokens, trace.output_tokens) == pytest.approx(
        0.6, abs=0.02
    )
    assert rank_correlation(trace.prompt_tokens, np.ones(len(trace))) == 0


def test_a_fitted_trace_has_near_lengths_and_dispersion():
    trace = named("bursty-consumer").sample(seeded(), 7200)
    found = fit(trace, seeded())
    assert measure(found, "prompt_tokens: KS distance") < 0.05
    assert measure(found, "output_tokens: KS distance") < 0.05
    assert measure(found, "gaps: KS distance") < 0.1
    assert measure(found, "dispersion in 10 s") < 0.15
    assert found.left_out == ()


def test_conversations_and_system_prompts_are_found_again():
    trace = named("private-enterprise").sample(seeded(), 7200)
    found = fit(trace, seeded())
    assert found.traffic.sessions.turns.mean_tokens() == pytest.approx(4, abs=0.3)
    assert found.traffic.sessions.think_s == pytest.approx(40, rel=0.1)
    assert found.traffic.shared_prefixes.number == 3
    assert found.traffic.shared_prefixes.zipf_exponent == pytest.approx(1, abs=0.3)
    assert measure(found, "prompt_tokens: KS distance") < 0.1


def test_what_a_recipe_does_not_hold_is_said():
    trace = named("two-tenants").sample(seeded(), 600)
    assert "tenants" in fit(trace, seeded()).left_out


def test_the_real_azure_hour_is_matched(real_trace):
    found = fit(formats.read(real_trace("AzureLLMInferenceTrace_conv.csv")), seeded())
    for name in ("gaps", "prompt_tokens", "output_tokens"):
        assert measure(found, f"{name}: KS distance") < 0.06
    for window in (1, 10, 60):
        assert measure(found, f"dispersion in {window} s") < 0.35


def test_a_fit_can_be_written_and_read():
    found = fit(named("private-enterprise").sample(seeded(), 3600), seeded()).traffic
    assert TypeAdapter(Traffic).validate_python(found.model_dump(mode="json")) == found


def test_too_little_to_fit_is_refused():
    with pytest.raises(InputError, match="at least 20 requests at more than one instant, found 3"):
        fit(Trace.from_columns([0, 1, 2], [1] * 3, [1] * 3), seeded())
    with pytest.raises(InputError, match="found 30 within 0 s"):
        fit(Trace.from_columns([0] * 30, [1] * 30, [1] * 30), seeded())


def test_the_ks_distance_is_scipys():
    from scipy.stats import ks_2samp

    one, two = seeded().normal(size=500), seeded().normal(0.3, 1.2, size=300)
    assert ks_distance(one, two) == pytest.approx(ks_2samp(one, two).statistic)


def test_a_loop_repeats_the_trace_and_shares_nothing_between_rounds():
    trace = named("private-enterprise").sample(seeded(), 600)
    twice = loop(trace, 2, period_s=1000)
    assert len(twice) == 2 * len(trace)
    assert twice.window(1000).arrival_s == pytest.approx(trace.arrival_s)
    assert set(twice.session[: len(trace)]).isdisjoint(twice.session[len(trace) :])
    with pytest.raises(InputError, match="a period of at least"):
        loop(trace, 2, period_s=10)
    with pytest.raises(InputError, match="at least 1 time"):
        loop(trace, 0)
    with pytest.raises(InputError, match="are too many; expected 2e"):
        loop(trace, 10**9)


def test_an_anonymous_trace_has_no_names_and_the_same_shape():
    trace = named("two-tenants").sample(seeded(), 300)
    hidden = anonymise(trace)
    assert hidden.meta == {"source": "anonymous", "format": "anonymous"}
    assert all(name.startswith("tenant-") for name in hidden.tenant)
    assert len(set(hidden.tenant)) == len(set(trace.tenant))
    assert hidden.arrival_s.tolist() == trace.arrival_s.tolist()
    pairs = set(zip(trace.session.tolist(), hidden.session.tolist(), strict=True))
    assert len(pairs) == len(set(trace.session.tolist()))


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_a_share_to_keep_is_between_0_and_1(share):
    with pytest.raises(InputError, match="expected a share above 0"):
        thin(Trace.from_columns([0], [1], [1]), share, seeded())


@st.composite
def odd_traces(draw):
    rows = draw(st.integers(20, 45))
    gaps = draw(
        st.lists(st.sampled_from([0.0, 1e-3, 1.0, 1.0, 300.0]), min_size=rows, max_size=rows)
    )
    lengths = st.lists(st.sampled_from([1, 1, 7, 5000]), min_size=rows, max_size=rows)
    session = draw(st.none() | st.lists(st.integers(-1, 25), min_size=rows, max_size=rows))
    return Trace.from_columns(np.cumsum(gaps), draw(lengths), draw(lengths), session=session)


@given(odd_traces())
@settings(max_examples=40, deadline=None)
def test_whatever_it_looks_like_a_trace_is_fitted_or_refused_in_one_line(trace):
    try:
        found = fit(trace, seeded())
    except InputError:
        return
    assert found.quality.distance.dropna().between(0, 10).all()
    assert len(found.traffic.sample(seeded(), 1e4)) > 0


def test_one_long_conversation_is_fitted_as_requests_of_their_own():
    """How conversations begin cannot be learned from one."""
    turns = np.arange(40)
    trace = Trace.from_columns(30.0 * turns, 100 + 50 * turns, [20] * 40, session=[0] * 40)
    found = fit(trace, seeded())
    assert found.traffic.sessions is None
    assert any("conversation" in lost for lost in found.left_out)
