"""Corrupted files are an error, or read as the standard library reads the same bytes."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardware_profiles.errors import InputError
from workloads import formats

SAMPLES = Path(__file__).parent / "samples"
CSV = {
    "vidur": ("arrived_at", "num_prefill_tokens", "num_decode_tokens"),
    "burstgpt": ("Timestamp", "Request tokens", "Response tokens"),
    "splitwise": ("arrival_timestamp", "prompt_size", "token_size"),
    "plain_csv": ("arrival_s", "prompt_tokens", "output_tokens"),
}
JSONL = {
    "mooncake": ("input_length", "output_length"),
    "guidellm_trace": ("input_length", "output_length"),
    "weka": ("in", "out"),
    "bailian": ("input_length", "output_length"),
    "llmservingsim": ("input_toks", "output_toks"),
}


def plainly(name: str, text: str) -> set[tuple[float, float]]:
    """Pairs of lengths that the standard library reads in the file."""
    if name in CSV:
        _, prompt, output = CSV[name]
        rows = list(csv.DictReader(io.StringIO(text, newline=None)))
    else:
        prompt, output = JSONL[name]
        rows = []
        for line in text.splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    pairs = set()
    for row in rows:
        try:
            pairs.add((float(row[prompt]), float(row[output])))
        except (KeyError, TypeError, ValueError):
            continue
    return pairs


@pytest.mark.parametrize("name", [*CSV, *JSONL])
@given(place=st.floats(0, 1), junk=st.text(max_size=6), cut=st.integers(0, 6))
@example(place=0.99, junk="", cut=0)
@example(place=0.5, junk="\n", cut=0)
@example(place=0.5, junk=",", cut=1)
@example(place=0.5, junk="e9", cut=0)
@example(place=0.5, junk="\ufeff", cut=0)
@example(place=0.5, junk="\x00", cut=1)
@example(place=0.7, junk="\u0664", cut=1)
def test_what_is_accepted_is_what_stands_there(tmp_path_factory, name, place, junk, cut):
    text = next(SAMPLES.glob(f"{name}.*")).read_text("utf-8")
    first = text.index("\n") + 1 if name in CSV else 0
    at = first + int(place * (len(text) - first))
    changed = text[:at] + junk + text[at + cut :]
    path = tmp_path_factory.mktemp("corrupt") / "log"
    path.write_bytes(changed.encode("utf-8", "surrogatepass"))
    for skip in (False, True):
        try:
            trace = formats.read(path, name, skip_bad_rows=skip)
        except InputError:
            continue
        found = zip(trace.prompt_tokens.tolist(), trace.output_tokens.tolist(), strict=True)
        assert set(found) <= plainly(name, changed)


@pytest.mark.parametrize("path", sorted(p for p in SAMPLES.iterdir() if p.is_file()))
@given(data=st.binary(max_size=200))
def test_noise_is_always_an_error_in_one_line(tmp_path_factory, path, data):
    noise = tmp_path_factory.mktemp("noise") / "log"
    noise.write_bytes(data)
    with pytest.raises(InputError) as caught:
        formats.read(noise, path.stem)
    assert str(noise) in str(caught.value)


@pytest.mark.parametrize("path", sorted(p for p in SAMPLES.iterdir() if p.is_file()))
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_flipped_bytes_are_read_or_refused_but_never_crash(tmp_path_factory, path, flips):
    data = bytearray(path.read_bytes())
    for place, value in flips:
        data[min(int(place * len(data)), len(data) - 1)] = value
    changed = tmp_path_factory.mktemp("flipped") / "log"
    changed.write_bytes(bytes(data))
    for skip in (False, True):
        try:
            trace = formats.read(changed, path.stem, skip_bad_rows=skip)
        except InputError:
            continue
        assert len(trace) >= 1
