"""ServeGen's clients: rates and lengths by window, drawn as traffic or read as a file."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from hardware_profiles.errors import InputError
from workloads import formats
from workloads.traffic import ServeGen, Traffic

FOLDER = Path(__file__).parent / "samples" / "servegen"


def seeded():
    return np.random.default_rng(5)


def test_each_window_has_the_requests_its_rate_says():
    trace = ServeGen(path=FOLDER, max_clients=1).sample(seeded(), None)
    counts = np.histogram(trace.arrival_s, bins=[0, 600, 1200, 1800, 2400])[0]
    assert counts.tolist() == [0, 300, 150, 60]


def test_lengths_come_from_the_window_in_force_and_never_are_zero():
    trace = ServeGen(path=FOLDER, max_clients=1).sample(seeded(), None)
    early = trace.arrival_s < 1200
    assert set(trace.prompt_tokens[early].tolist()) == {100, 300}
    assert set(trace.output_tokens[early].tolist()) == {7}
    assert set(trace.prompt_tokens[~early].tolist()) == {50}


def test_every_client_is_a_tenant_and_adding_one_changes_no_other():
    both = ServeGen(path=FOLDER).sample(seeded(), None)
    one = ServeGen(path=FOLDER, max_clients=1).sample(seeded(), None)
    assert set(both.tenant.tolist()) == {"chunk-0", "chunk-3"}
    assert both.arrival_s[both.tenant == "chunk-0"].tolist() == one.arrival_s.tolist()


def test_twice_the_rate_is_twice_the_requests():
    trace = ServeGen(path=FOLDER, max_clients=1, rate_scale=2).sample(seeded(), None)
    assert len(trace) == 2 * 510


def test_it_begins_and_ends_when_asked():
    trace = ServeGen(path=FOLDER, start_s=600, duration_s=900).sample(seeded(), 300)
    assert trace.arrival_s[-1] < 300
    with pytest.raises(InputError, match="send nothing from 9000 s on"):
        ServeGen(path=FOLDER, start_s=9000).sample(seeded(), None)


def test_one_client_may_be_read_as_a_file():
    trace = formats.read(FOLDER / "chunk-0-trace.csv")
    assert trace == formats.read(FOLDER / "chunk-0-trace.csv")
    assert len(trace) == 510
    assert "fixed seed" in trace.meta["assumed"]


def test_it_is_a_kind_of_traffic():
    assert isinstance(
        TypeAdapter(Traffic).validate_python({"kind": "servegen", "path": "x"}), ServeGen
    )


@pytest.mark.parametrize(
    ("windows", "lengths", "message"),
    [
        (
            "0,1,1,Gamma,1,1\n0,x,1,Gamma,1,1\n",
            "{}",
            "line 2: rate_req_s: expected a finite number",
        ),
        ("0,-1,1,Gamma,1,1\n", "{}", "line 1: rate_req_s: expected a rate of at least 0"),
        ("0,1,1,Cauchy,1,1\n", "{}", "line 1: pattern: expected Gamma, Weibull or nothing"),
        ("0,1,1,Gamma,0,1\n", "{}", "line 1: arg1: expected a shape above 0"),
        ("0,1,1,Gamma,1\n", "{}", "line 1: expected 6 columns, found 5"),
        ("0,0,0,,0,0\n", "{}", "this client sends nothing in any window"),
        ("0,1,1,,0,0\n", "[]", "expected an object with one entry a window"),
        ("0,1,1,,0,0\n", "{}", "all its distributions are empty"),
        ("0,1,1,,0,0\n", '{"x": %s}', "'x': expected the start of a window"),
        ("0,1,1,,0,0\n", '{"0": {"input_tokens": "{1:", "output_tokens": ""}}', "in a string"),
        ("0,1,1,,0,0\n", '{"0": {"input_tokens": "{1: -1}"}}', "expected tokens and a chance"),
        ("0,1,1,,0,0\n", '{"0": {"input_tokens": "{0: 1}"}}', "all its chances are 0"),
        ("0,1,1,,0,0\n", '{"0": {"input_tokens": "__import__(1)"}}', "a dict of lengths and"),
        ("0,1,1,,0,0\n", '{"0": {"input_tokens": "[1]"}}', "a dict of lengths and chances"),
    ],
)
def test_malformed_clients_are_refused(tmp_path, windows, lengths, message):
    sound = '{"input_tokens": "{1: 1}", "output_tokens": "{1: 1}"}'
    (tmp_path / "chunk-0-trace.csv").write_text(windows)
    (tmp_path / "chunk-0-dataset.json").write_text(lengths % sound if "%s" in lengths else lengths)
    with pytest.raises(InputError, match=message):
        ServeGen(path=tmp_path).sample(seeded(), None)


def test_a_client_needs_its_lengths_beside_it(tmp_path):
    (tmp_path / "chunk-0-trace.csv").write_text("0,1,1,,0,0\n")
    with pytest.raises(InputError, match=r"needs its lengths in chunk-0-dataset\.json beside it"):
        ServeGen(path=tmp_path).sample(seeded(), None)
    with pytest.raises(InputError, match="no chunk-<i>-trace"):
        ServeGen(path=FOLDER.parent).sample(seeded(), None)


def test_the_real_clients_have_the_volume_and_the_lengths_of_their_windows(real_trace):
    folder = real_trace("servegen")
    trace = ServeGen(path=folder).sample(seeded(), None)
    windows = np.genfromtxt(folder / "chunk-0-trace.csv", delimiter=",", usecols=(0, 1))
    first = trace.arrival_s[trace.tenant == "chunk-0"]
    assert len(first) == pytest.approx(windows[:, 1].sum() * 600, abs=len(windows))
    assert trace.output_tokens.mean() > trace.prompt_tokens.mean()  # it is a reasoning model
