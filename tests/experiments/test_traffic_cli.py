"""`servecast traffic`: tables on the screen, files on disk, errors in one line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from experiments.traffic_cli import app
from workloads import formats
from workloads.traffic import named
from workloads.writers import write

SAMPLES = Path(__file__).parents[1] / "workloads" / "samples"


@pytest.fixture
def traffic(tmp_path, monkeypatch):
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, code: int = 0):
        found = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert found.exit_code == code, found.output
        return found

    return run


@pytest.fixture
def hour(tmp_path):
    """A file with half an hour of conversations."""
    write(
        named("private-enterprise").sample(np.random.default_rng(3), 1800), tmp_path / "h.parquet"
    )
    return tmp_path / "h.parquet"


def test_a_profile_is_told_and_kept(traffic, hour, tmp_path):
    told = traffic("profile", hour, "--out", "seen").output
    for words in ("steady:", "requests at once", "prefix cache", "conversations", "seen"):
        assert words in told
    kept = {path.name for path in (tmp_path / "seen").iterdir()}
    assert {"overview.csv", "rate_by_minute.csv", "reuse.csv", "rate.png", "reuse.svg"} <= kept
    overview = pd.read_csv(tmp_path / "seen" / "overview.csv").set_index("measure").value
    assert overview["requests"] == len(formats.read(hour))


def test_a_profile_may_be_written_over_its_own_folder_but_no_other(traffic, hour, tmp_path):
    traffic("profile", hour, "--out", "seen")
    traffic("profile", hour, "--out", "seen")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    found = traffic("profile", hour, "--out", "other", code=2)
    assert "holds other files" in found.stderr


def test_the_same_trace_gives_the_same_files(traffic, hour, tmp_path):
    for folder in ("a", "b"):
        traffic("profile", hour, "--out", folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_service_time_sets_how_many_are_at_once(traffic, hour, tmp_path):
    for folder, token_s in (("slow", 0.1), ("fast", 0.01)):
        traffic("profile", hour, "--out", folder, "--service", 0, 0, token_s)
    means = [
        pd.read_csv(tmp_path / folder / "simultaneous.csv").set_index("measure").value["mean"]
        for folder in ("slow", "fast")
    ]
    assert means[0] / means[1] == pytest.approx(10, rel=0.2)


def test_a_name_on_the_shelf_can_be_profiled(traffic, tmp_path):
    told = traffic("profile", "bursty-consumer", "--horizon-s", 1200).output
    assert "bursty" in told
    assert (tmp_path / "runs" / "traffic-bursty-consumer" / "rate.png").exists()


def test_skipped_rows_are_told(traffic, tmp_path):
    bad = (SAMPLES / "azure.csv").read_text() + "2023-11-16 18:15:59.0,x,1\n"
    (tmp_path / "bad.csv").write_text(bad)
    assert "line 5: ContextTokens" in traffic("profile", "bad.csv", code=2).stderr
    told = traffic("profile", "bad.csv", "--skip-bad-rows").output
    assert "skipped: 1 bad rows" in told


def test_a_fit_writes_a_recipe_that_can_be_used(traffic, hour, tmp_path):
    told = traffic("fit", hour, "--out", "fitted.yaml").output
    assert "KS distance" in told
    traffic("generate", "fitted.yaml", "again.parquet")
    assert len(formats.read(tmp_path / "again.parquet")) > 500


def test_generated_traffic_is_the_same_for_the_same_seed(traffic, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        traffic("generate", "agent", f"{name}.parquet", "--horizon-s", 600, "--seed", seed)
    a, b, c = ((tmp_path / f"{name}.parquet").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_what_a_format_has_no_place_for_is_told(traffic):
    told = traffic("generate", "agent", "a.csv", "--horizon-s", 600).output
    assert "a.csv has no place for: session" in told


def test_edits_are_made_in_the_order_given(traffic, tmp_path):
    source = SAMPLES / "azure.csv"
    traffic("convert", source, "a.parquet", "--edit", "limit=2", "--edit", "loop=2")
    assert formats.read(tmp_path / "a.parquet").prompt_tokens.tolist() == [374, 396] * 2
    traffic("convert", source, "b.parquet", "--edit", "loop=2", "--edit", "limit=2")
    assert len(formats.read(tmp_path / "b.parquet")) == 2


@pytest.mark.parametrize(
    ("edit", "rows", "last"),
    [
        ("window=4:4.5", [396], 0.314579),
        ("window=4:", [396, 879], 0.541877),
        ("window=:1", [374], 0),
        ("rate=2", [374, 396, 879], 4.541877 / 2),
        ("thin=1", [374, 396, 879], 4.541877),
        ("anonymise=yes", [374, 396, 879], 4.541877),
    ],
)
def test_each_edit_does_what_it_says(traffic, tmp_path, edit, rows, last):
    traffic("convert", SAMPLES / "azure.csv", "out.parquet", "--edit", edit)
    trace = formats.read(tmp_path / "out.parquet")
    assert trace.prompt_tokens.tolist() == rows
    assert trace.arrival_s[-1] == pytest.approx(last)


def test_formats_are_listed(traffic):
    told = traffic("formats").output
    for name in formats.names():
        assert name in told


def test_traces_can_be_merged(traffic, tmp_path):
    other = SAMPLES / "vidur.csv"
    traffic("convert", SAMPLES / "azure.csv", "out.parquet", "--edit", f"merge={other}")
    assert len(formats.read(tmp_path / "out.parquet")) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("profile", "nowhere.csv"), "there is no such file, and no traffic on the shelf"),
        (("profile", "stedy-chat"), "did you mean 'steady-chat'"),
        (("profile", "steady-chat"), "give num_requests, a duration, or both"),
        (("fit", SAMPLES / "azure.csv"), "expected at least 20 requests"),
        (("generate", SAMPLES / "azure.csv", "x.csv"), "expected a recipe"),
        (("generate", "agent", "x.docx", "--horizon-s", 60), "cannot write the format '.docx'"),
        (("convert", SAMPLES / "azure.csv", "x.csv", "--edit", "speed=2"), "expected NAME=VALUE"),
        (("convert", SAMPLES / "azure.csv", "x.csv", "--edit", "rate=fast"), "expected a number"),
        (("convert", SAMPLES / "azure.csv", "x.csv", "--edit", "rate=0"), "a number above 0"),
        (("convert", SAMPLES / "azure.csv", "x.csv", "--edit", "limit=1.5"), "a whole number"),
        (("convert", SAMPLES / "azure.csv", "x.csv", "--edit", "window=5"), "START:END"),
        (("convert", SAMPLES / "azure.csv", "x.csv", "--edit", "window=90:"), "leaves no request"),
        (("convert", SAMPLES / "azure.csv", "x.csv", "--format", "azur"), "did you mean 'azure'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(traffic, tmp_path, arguments, message):
    found = traffic(*arguments, code=2)
    assert message in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("command", ["profile", "fit", "convert"])
def test_a_csv_with_names_of_its_own_is_read_by_what_they_mean(tmp_path, command):
    rows = [f"{second},{100 + second},{5 + second % 7}" for second in range(40)]
    (tmp_path / "log.csv").write_text("ts,in,out\n" + "\n".join(rows) + "\n")
    source, out = str(tmp_path / "log.csv"), tmp_path / "out.parquet"
    to = [str(out)] if command == "convert" else ["--out", str(tmp_path / f"out-{command}.yaml")]
    named = ["arrival_s=ts", "prompt_tokens=in", "output_tokens=out"]
    options = [part for pair in named for part in ("--column", pair)]
    found = CliRunner().invoke(app, [command, source, *to, *options])
    assert found.exit_code == 0, found.output
    if command == "convert":
        assert formats.read(out).prompt_tokens.tolist() == [100 + second for second in range(40)]
    plain = CliRunner().invoke(app, [command, source, *to])
    assert "a CSV with names of its own" in plain.stderr
    for wrong, line in (
        ("arrival_s", "expected MEANING=NAME"),
        ("arrival=ts", "did you mean 'arrival_s'"),
        ("arrival_s=time", "no column 'time'"),
    ):
        refused = CliRunner().invoke(app, [command, source, *to, "--column", wrong])
        assert refused.exit_code == 2
        assert line in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_a_trace_larger_than_memory_can_be_cut_and_sped_up_piece_by_piece(tmp_path, monkeypatch):
    from workloads.formats import parquet

    trace = named("rag").sample(np.random.default_rng(4), 400.0)
    write(trace, tmp_path / "log.parquet")
    monkeypatch.setattr(parquet, "BATCH_ROWS", 90)
    monkeypatch.setattr("experiments.traffic_commands.stitch", None)  # nothing may be held whole
    edits = ["window=50:350", "rate=2", "limit=500", "window=10:"]
    options = [part for edit in edits for part in ("--edit", edit)]
    out = tmp_path / "out.parquet"
    found = CliRunner().invoke(app, ["convert", str(tmp_path / "log.parquet"), str(out), *options])
    assert found.exit_code == 0, found.output
    whole = trace.window(50.0, 300.0).rate_scaled(2.0)
    whole = whole.take(np.arange(500)).window(10.0)
    assert formats.read(out) == whole
