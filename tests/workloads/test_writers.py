"""What is written can be read again, and nothing is lost that the format has a place for."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_profiles.errors import InputError
from workloads import formats
from workloads.block_names import block_names
from workloads.clients import Client
from workloads.trace import Trace
from workloads.traffic import named
from workloads.writers import lost_in, write


def chats() -> Trace:
    return named("private-enterprise").sample(np.random.default_rng(1), 600)


def test_parquet_keeps_everything(tmp_path):
    trace = chats()
    write(trace, tmp_path / "trace.parquet")
    again = formats.read(tmp_path / "trace.parquet")
    assert again == trace
    assert {**again.meta, **trace.meta} == again.meta


def test_parquet_keeps_clients_tenants_and_the_closed_loop(tmp_path):
    trace = Trace.from_columns(
        [0.1, 1 / 3],
        [5, 6],
        [7, 8],
        priority=[-1, 2],
        tenant=["blue", None],
        session=[0, 0],
        follows=[-1, 0],
        delay_s=[0, 2.5],
        client=[1, 0],
        clients=(Client(), Client(timeout_s=3, max_retries=2)),
        closed_loop=True,
        max_concurrency=4,
    )
    write(trace, tmp_path / "trace.parquet")
    assert formats.read(tmp_path / "trace.parquet") == trace


def test_parquet_of_others_is_read_by_its_columns(tmp_path):
    import pandas as pd

    table = pd.DataFrame(
        {
            "ts": pd.to_datetime(["2026-01-01 00:00:00.00", "2026-01-01 00:00:02.25"]),
            "n_in": [5, 6],
            "n_out": [7.0, 8.0],
            "who": ["a", "b"],
            "chat": ["x", "x"],
        }
    )
    table.to_parquet(tmp_path / "log.parquet")
    columns = {
        "arrival_s": "ts",
        "prompt_tokens": "n_in",
        "output_tokens": "n_out",
        "tenant": "who",
        "session": "chat",
    }
    trace = formats.read(tmp_path / "log.parquet", columns=columns)
    assert trace.arrival_s.tolist() == [0, 2.25]
    assert trace.output_tokens.tolist() == [7, 8]
    assert trace.tenant.tolist() == ["a", "b"]
    assert trace.session.tolist() == [0, 0]
    with pytest.raises(InputError, match="no column 'arrival_s'"):
        formats.read(tmp_path / "log.parquet")


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("arrival_s", [0.0, float("nan")], "row 2: arrival_s: expected a finite number"),
        ("arrival_s", [3.0, 1.0], "row 2: arrival_s: expected a time not before"),
        ("prompt_tokens", [1, 0], "row 2: prompt_tokens: expected at least 1 token"),
        ("prompt_tokens", [1.5, 1], "row 1: prompt_tokens: expected a whole number"),
        ("output_tokens", [1, None], "row 2: output_tokens: expected a whole number"),
        ("output_tokens", ["a", "b"], "row 1: output_tokens: expected a whole number"),
    ],
)
def test_a_bad_parquet_is_refused_with_its_row(tmp_path, column, values, message):
    import pandas as pd

    good = {"arrival_s": [0.0, 1.0], "prompt_tokens": [1, 2], "output_tokens": [3, 4]}
    pd.DataFrame({**good, column: values}).to_parquet(tmp_path / "log.parquet")
    with pytest.raises(InputError, match=message):
        formats.read(tmp_path / "log.parquet")


def test_a_parquet_cut_short_is_refused(tmp_path):
    write(chats(), tmp_path / "trace.parquet")
    data = (tmp_path / "trace.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="is cut off, or no Parquet file"):
        formats.read(tmp_path / "cut.parquet")


def test_azure_keeps_times_to_a_tenth_of_a_microsecond(tmp_path):
    trace = Trace.from_columns([0, 4.314579, 4.5418773], [374, 396, 9], [44, 109, 1])
    write(trace, tmp_path / "trace.csv")
    assert formats.read(tmp_path / "trace.csv") == trace
    text = (tmp_path / "trace.csv").read_text().splitlines()
    assert text[2] == "2024-01-01 00:00:04.3145790,396,109"


def test_the_real_azure_hour_goes_round_unchanged(real_trace, tmp_path):
    path = real_trace("AzureLLMInferenceTrace_conv.csv")
    write(formats.read(path), tmp_path / "again.csv")
    before, after = (p.read_text().splitlines() for p in (path, tmp_path / "again.csv"))
    assert before == after


def test_the_real_mooncake_trace_goes_round_unchanged(real_trace, tmp_path):
    path = real_trace("mooncake_conversation_trace.jsonl.gz")
    trace = formats.read(path)
    assert lost_in(trace, "mooncake") == []
    write(trace, tmp_path / "again.jsonl.gz")
    assert formats.read(tmp_path / "again.jsonl.gz") == trace
    with gzip.open(path) as before, gzip.open(tmp_path / "again.jsonl.gz") as after:
        assert list(before) == list(after)


def test_the_same_trace_gives_the_same_bytes(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz", "a.parquet", "b.parquet"):
        write(chats(), tmp_path / name)
    for suffix in ("jsonl.gz", "parquet"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_what_a_format_has_no_place_for_is_said():
    assert lost_in(chats(), "parquet") == []
    assert lost_in(chats(), "azure") == ["session", "follows", "delay_s", "prompt identity"]
    assert lost_in(chats(), "mooncake")[-1] == "prompt identity finer than blocks of 512 tokens"
    assert lost_in(Trace.from_columns([0], [1], [1]), "azure") == []


def test_an_unknown_format_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match="cannot write the format 'azur'; did you mean 'azure'"):
        write(chats(), tmp_path / "x.csv", "azur")
    with pytest.raises(InputError, match="there are: azure, mooncake, parquet"):
        write(chats(), tmp_path / "x.docx")
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write(chats(), tmp_path / "nowhere" / "x.csv")
    assert list(tmp_path.iterdir()) == []


@st.composite
def prompts(draw):
    """Up to five prompts made of few pieces of few texts."""
    piece = st.tuples(st.sampled_from("abc"), st.integers(1, 20))
    rows = draw(st.lists(st.lists(piece, min_size=1, max_size=4), min_size=1, max_size=5))
    return [[list(piece) for piece in row] for row in rows]


@given(rows=prompts(), block=st.integers(1, 16))
def test_blocks_have_one_name_just_where_prompts_agree_token_by_token(rows, block):
    trace = Trace.from_requests(
        [{"arrival_s": 0, "prompt": row, "output_tokens": 1} for row in rows]
    )
    tokens = [[(name, k) for name, length in row for k in range(length)] for row in rows]
    names = list(block_names(trace, block))
    for first, one in zip(names, tokens, strict=True):
        assert len(first) == -(-len(one) // block)
        for second, two in zip(names, tokens, strict=True):
            for k, (a, b) in enumerate(zip(first, second, strict=False)):
                end = (k + 1) * block
                if end <= len(one) and end <= len(two):
                    assert (a == b) == (one[:end] == two[:end])
