"""Azure's traces: seven digits of a second, zones, and each way in which a file can be wrong."""

import gzip
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_profiles.errors import InputError
from workloads import formats
from workloads.formats import _csv

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
GOOD = (
    "2023-11-16 18:15:46.6805900,374,44\n"
    "2023-11-16 18:15:50.9951690,396,109\n"
    "2023-11-16 18:15:51.2224670,879,55\n"
)
SAMPLE = HEAD + GOOD
MM = "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2025-01-02 03:04:05.5,3,900,12\n"


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "trace.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_seven_digits_of_a_second_are_read_exactly(write):
    trace = formats.read(write(SAMPLE))
    assert trace.arrival_s.tolist() == [0.0, 4.314579, 4.541877]
    assert trace.prompt_tokens.tolist() == [374, 396, 879]
    assert trace.output_tokens.tolist() == [44, 109, 55]
    assert trace.meta["format"] == "azure"
    assert trace.meta["began"] == "2023-11-16T18:15:46.680590000"


def test_a_tenth_of_a_microsecond_is_kept(write):
    rows = "2023-11-16 00:00:00.0000000,1,1\n2023-11-16 00:00:00.0000001,1,1\n"
    assert formats.read(write(HEAD + rows)).arrival_s[1] == 1e-7


def test_times_may_have_a_zone_or_no_fraction(write):
    rows = (
        "2024-05-12 00:00:00+00:00,1,1\n2024-05-12 00:00:01.5Z,1,1\n2024-05-12T01:00:02+01:00,1,1\n"
    )
    assert formats.read(write(HEAD + rows)).arrival_s.tolist() == [0, 1.5, 2]


def test_the_multimodal_columns_are_read_and_said_to_be_assumed(write):
    trace = formats.read(write(MM))
    assert trace.prompt_tokens.tolist() == [900]
    assert trace.meta["images"] == 3
    assert "images" in trace.meta["assumed"]


@pytest.mark.parametrize(
    "content",
    [
        SAMPLE.replace("\n", "\r\n"),
        "﻿" + SAMPLE,
        SAMPLE.rstrip(),
        "\n\n" + SAMPLE + "\n\n",
        HEAD + "\n" + GOOD.replace("\n", "\n\n"),
        SAMPLE.replace(",", " , "),
        SAMPLE.replace("374,44", "374.0,44.0"),
        'TIMESTAMP,"ContextTokens",GeneratedTokens\n' + GOOD.replace("374", '"374"'),
    ],
    ids=["crlf", "bom", "no-newline", "blank-ends", "blank-lines", "blanks", "374.0", "quoted"],
)
def test_harmless_variations_read_the_same(write, content):
    assert formats.read(write(content)) == formats.read(write(SAMPLE, "plain.csv"))


@pytest.mark.parametrize("name", ["trace.csv", "trace.csv.gz", "trace"])
def test_packing_is_told_by_content_and_not_by_name(write, name):
    plain = formats.read(write(SAMPLE, "plain.csv"))
    assert formats.read(write(gzip.compress(SAMPLE.encode()), name)) == plain
    assert formats.read(write(SAMPLE, name + ".gz")) == plain


def test_zstd_is_unpacked(write, tmp_path):
    import pyarrow

    with pyarrow.output_stream(str(tmp_path / "t.zst"), compression="zstd") as stream:
        stream.write(SAMPLE.encode())
    assert formats.read(tmp_path / "t.zst") == formats.read(write(SAMPLE))
    packed = (tmp_path / "t.zst").read_bytes()
    with pytest.raises(InputError, match="zstd data are cut off or damaged"):
        formats.read(write(packed[:-9]), "azure")


BAD_ROWS = {
    "2023-11-16 18:15:52.0,x,1": "ContextTokens: expected a whole number of tokens, found 'x'",
    "2023-11-16 18:15:52.0,,1": "ContextTokens: expected a whole number of tokens, found ''",
    "2023-11-16 18:15:52.0,nan,1": "ContextTokens: expected a whole number of tokens, found 'nan'",
    "2023-11-16 18:15:52.0,1,inf": "GeneratedTokens: expected a whole number of tokens",
    "2023-11-16 18:15:52.0,1.5,1": "ContextTokens: expected a whole number of tokens, found '1.5'",
    "2023-11-16 18:15:52.0,1e3,1": "ContextTokens: expected a whole number of tokens, found '1e3'",
    "2023-11-16 18:15:52.0,0x10,1": "ContextTokens: expected a whole number of tokens",
    "2023-11-16 18:15:52.0,-7,1": "ContextTokens: expected at least 1 token, found '-7'",
    "2023-11-16 18:15:52.0,0,1": "ContextTokens: expected at least 1 token, found '0'",
    "2023-11-16 18:15:52.0,1,0": "GeneratedTokens: expected at least 1 token, found '0'",
    "2023-11-16 18:15:52.0,2147483648,1": r"expected fewer than 2\*\*31 tokens, found '2147483648'",
    "2023-11-16 18:15:52.0,99999999999999999999999,1": "expected a whole number of tokens",
    "2023-11-16 18:15:50.0,1,1": "TIMESTAMP: expected a time not before the line above",
    "2023-02-30 18:15:52.0,1,1": "TIMESTAMP: expected a time like 2023-11-16 18:15:46.6805900",
    "2023-11-16 25:15:52.0,1,1": "TIMESTAMP: expected a time like",
    "2023-11-16,1,1": "TIMESTAMP: expected a time like",
    "1700158552,1,1": "TIMESTAMP: expected a time like",
    "NaT,1,1": "TIMESTAMP: expected a time like",
    ",1,1": "TIMESTAMP: expected a time like",
    "2023-11-16 18:15:52.0,1": "expected 3 columns, found 2",
    "2023-11-16 18:15:52.0,1,1,1": "expected 3 columns, found 4",
    "2023-11-16 18:15:52.0;1;1": "expected 3 columns, found 1",
}
AFTER = "2023-11-16 18:15:59.0,5,6\n"


@pytest.mark.parametrize(("row", "message"), BAD_ROWS.items())
@pytest.mark.parametrize("blank", ["", "\n"], ids=["", "after-a-blank-line"])
def test_a_bad_row_is_refused_with_its_line(write, row, message, blank):
    path = write(blank + SAMPLE + row + "\n" + AFTER)
    with pytest.raises(InputError, match=rf"trace\.csv, line {5 + len(blank)}: .*{message}"):
        formats.read(path, "azure")


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_bad_row_may_be_skipped_and_is_counted(write, row):
    trace = formats.read(write(SAMPLE + row + "\n" + AFTER), skip_bad_rows=True)
    assert trace.prompt_tokens.tolist() == [374, 396, 879, 5]
    assert trace.meta["skipped_rows"] == 1
    assert trace.meta["skipped_examples"][0].startswith("line 5: ")


def test_the_first_of_several_bad_lines_is_named(write):
    path = write(SAMPLE + "2023-11-16 18:15:53.0,1,x\n2023-11-16 18:15:54.0,x,1\n1,2\n")
    with pytest.raises(InputError, match="line 5: GeneratedTokens"):
        formats.read(path)


def test_a_file_out_of_order_can_be_sorted_when_asked(write):
    rows = GOOD.splitlines(keepends=True)
    path = write(HEAD + "".join(reversed(rows)))
    with pytest.raises(InputError, match="line 3: TIMESTAMP"):
        formats.read(path)
    assert formats.read(path, sort=True) == formats.read(write(SAMPLE, "plain.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected a trace"),
        (b"\n \n", "is empty; expected a trace"),
        (HEAD, "holds no requests; expected one or more"),
        (HEAD + "x,y,z\n", "line 2: TIMESTAMP"),
        ("TIMESTAMP,ContextTokens\n1,2\n", "line 1: no column 'GeneratedTokens'; "),
        ("\nTimestamp,ContextTokens,GeneratedTokens\n", "line 2: no column 'TIMESTAMP'; did you"),
        (GOOD, "line 1: no column 'TIMESTAMP'"),
        (HEAD.replace("\n", ",ContextTokens\n"), "two columns are called 'ContextTokens'"),
        (SAMPLE.encode("utf-16"), "is encoded as UTF-16; expected UTF-8"),
        (SAMPLE.encode() + b"2023\xff,4,5\n", "line 5: bytes that are no UTF-8"),
        (gzip.compress(SAMPLE.encode())[:-12], "gzip data are cut off or damaged"),
        (gzip.compress(SAMPLE.encode())[:5], "gzip data are cut off or damaged"),
        (gzip.compress(SAMPLE.encode())[:-8] + b"12345678", "gzip data are cut off or damaged"),
        (b"PK\x03\x04 and so on", "is a zip archive; unpack it"),
    ],
)
def test_a_bad_file_is_refused(write, content, message):
    with pytest.raises(InputError, match=message):
        formats.read(write(content), "azure")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        formats.read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        formats.read(tmp_path)


def test_what_is_no_trace_at_all_is_told_which_formats_there_are(write):
    with pytest.raises(InputError, match=r"of no format known here .*'once upon a time'.*azure"):
        formats.read(write("once upon a time\n"))


def test_an_unknown_format_is_told_the_nearest(write):
    with pytest.raises(InputError, match="no trace format is called 'azur'; did you mean 'azure'"):
        formats.read(write(SAMPLE), "azur")


def test_pieces_of_a_file_are_on_one_clock_and_lines_still_count(write, monkeypatch):
    rows = "".join(f"2023-11-16 18:{i // 60:02}:{i % 60:02}.5,{i + 1},7\n" for i in range(300))
    path = write(HEAD + rows)
    whole = formats.read(path)
    monkeypatch.setattr(_csv, "BLOCK_BYTES", 400)
    pieces = list(formats.stream(path))
    assert len(pieces) > 10
    for column in ("arrival_s", "prompt_tokens", "output_tokens"):
        together = np.concatenate([getattr(piece, column) for piece in pieces])
        assert together.tolist() == getattr(whole, column).tolist()
    lines = (HEAD + rows).splitlines()
    lines[200] = "2023-11-16 18:00:00.0,1,1"
    lines[100] += ",9"
    with pytest.raises(InputError, match="line 101: expected 3 columns"):
        formats.read(write("\n".join(lines)))
    lines[100] = "\n"
    with pytest.raises(InputError, match="line 202: TIMESTAMP: expected a time not before"):
        formats.read(write("\n".join(lines)))


JUNK = st.text(st.sampled_from("0123456789-+.,eE:; \tnaifNTZ'\""), max_size=30)


@given(line=st.integers(1, 3), junk=JUNK, cut=st.integers(0, 34))
def test_a_corrupted_row_is_an_error_or_a_row_that_reads_so(tmp_path_factory, line, junk, cut):
    """Never a wrong number in silence: what is accepted reads the same in file and trace."""
    lines = SAMPLE.splitlines()
    lines[line] = lines[line][:cut] + junk
    path = tmp_path_factory.mktemp("junk") / "trace.csv"
    path.write_text("\n".join(lines))
    try:
        trace = formats.read(path, "azure")
    except InputError:
        return
    rows = [text for text in lines[1:] if text.strip(" ,")]
    assert len(trace) == len(rows)
    for row, text in enumerate(rows):
        fields = [part.strip().strip('"').strip() for part in text.split(",")]
        assert float(fields[1]) == trace.prompt_tokens[row]
        assert float(fields[2]) == trace.output_tokens[row]


@pytest.mark.parametrize("skip", [False, True])
def test_the_real_conversation_hour_reads_in_a_blink(real_trace, skip):
    path = real_trace("AzureLLMInferenceTrace_conv.csv")
    formats.read(path)
    began = time.perf_counter()
    trace = formats.read(path, skip_bad_rows=skip)
    assert time.perf_counter() - began < 1
    assert len(trace) == 19_366
    assert trace.arrival_s[-1] == pytest.approx(3501.721937)
    assert trace.prompt_tokens.mean() == pytest.approx(1154.6974078281523)
    assert trace.output_tokens.mean() == pytest.approx(211.12594237323142)
    assert "skipped_rows" not in trace.meta
