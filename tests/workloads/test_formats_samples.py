"""Each reader against a small sample made by hand that shows the traps of its format."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from hardware_profiles.errors import InputError
from workloads import formats
from workloads.trace import Trace

SAMPLES = Path(__file__).parent / "samples"
FILES = {path.stem: path for path in sorted(SAMPLES.iterdir()) if path.is_file()}


def columns(trace: Trace) -> tuple[list[float], list[int], list[int]]:
    return trace.arrival_s.tolist(), trace.prompt_tokens.tolist(), trace.output_tokens.tolist()


def prompts(trace: Trace) -> list[list[tuple[int, int]]]:
    """Each prompt as pairs of (segment, tokens)."""
    assert trace.segments is not None
    offsets, ids, lengths = (column.tolist() for column in trace.segments)
    pairs = list(zip(ids, lengths, strict=True))
    return [pairs[offsets[i] : offsets[i + 1]] for i in range(len(trace))]


def test_every_format_has_a_sample():
    assert set(FILES) | {"servegen", "parquet"} == set(formats.names())


@pytest.mark.parametrize("name", FILES)
def test_a_format_is_recognised_by_content_alone(name, tmp_path):
    copy = tmp_path / "log"
    copy.write_bytes(FILES[name].read_bytes())
    assert formats.recognise(copy) == name


@pytest.mark.parametrize("name", FILES)
def test_line_ends_byte_order_marks_and_packing_change_nothing(name, tmp_path):
    plain = formats.read(FILES[name])
    text = FILES[name].read_text("utf-8")
    for number, content in enumerate(
        [
            text.replace("\n", "\r\n").encode(),
            "﻿".encode() + text.encode(),
            gzip.compress(text.encode()),
            text.rstrip().encode(),
        ]
    ):
        (tmp_path / str(number)).write_bytes(content)
        assert formats.read(tmp_path / str(number)) == plain


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_an_error_or_a_shorter_trace(name, tmp_path):
    """Whatever is read from the beginning of a file is what the whole file says."""
    data = FILES[name].read_bytes()
    whole = list(zip(*columns(formats.read(FILES[name])), strict=True))
    lengths = {(p, o) for _, p, o in whole}
    for cut in range(0, len(data), 7):
        (tmp_path / "cut").write_bytes(data[:cut])
        try:
            trace = formats.read(tmp_path / "cut", name, skip_bad_rows=True)
        except InputError:
            continue
        # The last row may have lost digits of its last number; the ones before it may not.
        found = list(zip(*columns(trace)[1:], strict=True))
        assert len(set(found) - lengths) <= 1


@pytest.mark.parametrize("name", FILES)
def test_packed_files_cut_short_are_refused(name, tmp_path):
    packed = gzip.compress(FILES[name].read_bytes())
    (tmp_path / "cut.gz").write_bytes(packed[:-10])
    with pytest.raises(InputError, match="gzip data are cut off or damaged"):
        formats.read(tmp_path / "cut.gz", name)


def test_burstgpt_leaves_out_failed_calls_and_starts_at_its_first():
    trace = formats.read(FILES["burstgpt"])
    assert columns(trace) == ([0, 40, 113], [472, 1087, 1360], [18, 230, 241])
    assert trace.tenant.tolist() == ["ChatGPT", "ChatGPT", "GPT-4"]
    assert trace.session.tolist() == [0, -1, 0]
    assert trace.meta["dropped_rows"] == {"failed calls (0 response tokens)": 1}
    assert trace.meta["began_s"] == 5


def test_burstgpts_older_files_have_no_sessions(tmp_path):
    old = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    (tmp_path / "old.csv").write_text(old + "5,ChatGPT,472,18,490,Conversation log\n")
    assert formats.read(tmp_path / "old.csv").session is None


def test_mooncake_times_are_ms_and_hashes_are_blocks_of_512():
    trace = formats.read(FILES["mooncake"])
    assert columns(trace) == ([0, 0.25, 3], [1100, 1030, 512], [50, 7, 9])
    first, second, third = prompts(trace)
    assert [length for _, length in first] == [512, 512, 76]
    assert first[:2] == second[:2]
    assert first[2][0] != second[2][0]
    assert third == first[:1]


def test_bailian_times_are_seconds_blocks_are_16_and_turns_have_roots():
    trace = formats.read(FILES["bailian"])
    assert columns(trace) == ([61.114, 61.5, 75], [40, 20, 70], [12, 3, 30])
    assert trace.session.tolist() == [0, 1, 0]
    assert trace.tenant.tolist() == ["text", "image", "text"]
    first, _, third = prompts(trace)
    assert first[:2] == third[:2]
    assert [length for _, length in third] == [16, 16, 16, 16, 6]


def test_sharegpt_texts_become_turns_that_repeat_what_was_said():
    trace = formats.read(FILES["sharegpt"])
    assert trace.prompt_tokens.tolist() == [7, 7 + 7 + 4, 5]
    assert trace.output_tokens.tolist() == [7, 5, 2]
    assert prompts(trace)[1] == [(0, 7), (-1, 7), (1, 4)]
    assert trace.session.tolist() == [0, 0, 1]
    assert trace.follows.tolist() == [-1, 0, -1]
    assert trace.meta["no_times"]
    assert trace.meta["dropped_rows"] == {"questions without an answer": 1}


@pytest.mark.parametrize("name", ["vidur", "distserve", "guidellm_trace", "llmservingsim_results"])
def test_times_in_seconds_keep_the_files_own_zero(name):
    assert columns(formats.read(FILES[name])) == ([0, 4.314579], [374, 396], [44, 109])


def test_splitwise_keeps_only_what_an_llm_was_asked():
    trace = formats.read(FILES["splitwise"])
    assert columns(trace) == ([0.5, 4.814579], [374, 396], [44, 109])
    assert list(trace.meta["dropped_rows"].values()) == [1]
    assert trace.tenant.tolist() == ["0", "1"]


def test_llmservingsim_times_are_ns_and_token_ids_are_identity():
    trace = formats.read(FILES["llmservingsim"])
    assert trace.arrival_s.tolist() == [1.5, 1.500000001]
    first, second = prompts(trace)
    assert first[0] == second[0]
    assert first[1][0] != second[1][0]


def test_llmservingsims_agents_wait_for_their_tools():
    trace = formats.read(FILES["llmservingsim_agentic"])
    # 2 s, then 1 s + 50 × 0.02 s for the answer and 3 s for the tool; then 1 s + 0.2 s.
    assert trace.arrival_s.tolist() == pytest.approx([2, 2.5, 7, 8.2])
    assert trace.follows.tolist() == [-1, -1, 0, 2]
    assert trace.delay_s.tolist() == [0, 0, 3, 0]
    assert trace.session.tolist() == [0, 1, 0, 0]
    assert prompts(trace)[2][:2] == [prompts(trace)[0][0], (-1, 50)]
    assert len(prompts(trace)[3]) == 1  # shorter than what was said: nothing is repeated


def test_mooncakes_agents_follow_the_call_that_ends_last():
    trace = formats.read(FILES["mooncake_agentic"])
    # r0 at 1 s is answered at 3 s; r1 waits 2 s for its tool, r2 not at all; r3 waits for r1.
    assert trace.prompt_tokens.tolist() == [600, 700, 1000, 1500]
    assert trace.arrival_s.tolist() == pytest.approx([1, 3, 5, 8.1])
    assert trace.follows.tolist() == [-1, 0, 0, 2]
    assert trace.delay_s.tolist() == pytest.approx([0, 0, 2, 0.1])


def test_weka_blocks_have_64_tokens():
    first, second = prompts(formats.read(FILES["weka"]))
    assert [length for _, length in first] == [64, 64, 2]
    assert first[0] == second[0]


@pytest.mark.parametrize("name", ["vllm_bench", "aiperf", "inference_perf", "litellm"])
def test_results_begin_at_their_first_request_and_leave_out_failures(name):
    trace = formats.read(FILES[name])
    assert columns(trace) == ([0, 4.314579], [374, 396], [44, 109])
    assert sum(trace.meta["dropped_rows"].values()) >= 1


def test_aiperf_tells_warm_up_errors_and_cancelled_apart():
    trace = formats.read(FILES["aiperf"])
    assert len(trace.meta["dropped_rows"]) == 3
    assert trace.session.tolist() == [0, 0]


def test_litellm_spends_come_by_team_or_user_and_quotes_may_hold_lines():
    trace = formats.read(FILES["litellm"])
    assert trace.tenant.tolist() == ["bob", "blue"]
    assert len(trace.meta["dropped_rows"]) == 3


def test_litellm_logs_may_be_json_too(tmp_path):
    rows = (
        '{"startTime": "2025-07-31T22:13:25Z", "prompt_tokens": 5, "completion_tokens": 6}',
        '{"startTime": "2025-07-31T22:13:27Z", "prompt_tokens": 7, "completion_tokens": 8}',
    )
    (tmp_path / "lines").write_text("\n".join(rows))
    (tmp_path / "list").write_text("[" + ",\n".join(rows) + "]")
    for name in ("lines", "list"):
        assert columns(formats.read(tmp_path / name)) == ([0, 2], [5, 7], [6, 8])


def test_guidellm_benchmarks_are_on_one_clock():
    trace = formats.read(FILES["guidellm"])
    assert columns(trace) == ([0, 4.314579, 94.314579], [374, 396, 5], [44, 109, 6])
    assert trace.meta["benchmarks"] == 2
    assert trace.meta["dropped_rows"] == {"failed or cut short": 1}


def test_guidellm_reports_may_be_yaml(tmp_path):
    import json

    import yaml

    report = json.loads(FILES["guidellm"].read_text())
    (tmp_path / "report.yaml").write_text(yaml.safe_dump(report, sort_keys=False))
    assert formats.read(tmp_path / "report.yaml") == formats.read(FILES["guidellm"])


def test_every_format_says_what_it_is():
    for name, sentence in formats.described().items():
        assert len(sentence) > 20, name


def test_openai_logs_speak_several_dialects_and_cached_tokens_become_shared_text():
    trace = formats.read(FILES["openai_usage"])
    assert columns(trace) == ([0, 2.5, 5], [1200, 80, 1500], [30, 400, 20])
    assert prompts(trace)[0][0] == prompts(trace)[2][0]
    assert prompts(trace)[0][0][1] == 1024
    assert len(prompts(trace)[1]) == 1
    assert "cached tokens" in trace.meta["assumed"]
    assert trace.meta["cached_tokens_in_log"] == 2048


def test_a_batch_arrives_all_at_once_and_shares_equal_messages():
    trace = formats.read(FILES["openai_batch"])
    assert columns(trace) == ([0, 0], [6, 8], [16, 8])
    assert prompts(trace)[0][0] == prompts(trace)[1][0]


def test_a_plain_csv_needs_no_mapping_when_it_uses_our_names():
    trace = formats.read(FILES["plain_csv"])
    assert columns(trace)[1:] == ([374, 396, 10], [44, 109, 1])
    assert trace.priority.tolist() == [0, 1, 0]
    assert trace.tenant.tolist() == ["blue", None, "red"]
    assert trace.session.tolist() == [0, 0, -1]


def test_a_plain_csv_may_have_any_names_and_dates(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("when,in,out\n2026-01-01 00:00:00,5,6\n2026-01-01 00:00:01.5,7,8\n")
    mapping = {"arrival_s": "when", "prompt_tokens": "in", "output_tokens": "out"}
    trace = formats.read(path, "plain_csv", columns=mapping)
    assert columns(trace) == ([0, 1.5], [5, 7], [6, 8])
    with pytest.raises(
        InputError, match="columns: no 'promt_tokens'; did you mean 'prompt_tokens'"
    ):
        formats.read(path, "plain_csv", columns={"promt_tokens": "in"})
    with pytest.raises(InputError, match="no column 'inn'; did you mean 'in'"):
        formats.read(path, "plain_csv", columns={**mapping, "prompt_tokens": "inn"})


BAD_LINES = {
    "mooncake": {
        '{"timestamp": 5000, "input_length": 5, "output_length": 1}': "hash_ids: expected a list",
        '{"timestamp": 5000, "input_length": 0, "output_length": 1, "hash_ids": []}': "at least 1",
        '{"timestamp": 5000, "input_length": 5, "output_length": 0, "hash_ids": [1]}': "at least 1",
        '{"timestamp": NaN, "input_length": 5, "output_length": 1, "hash_ids": [1]}': "finite",
        '{"timestamp": 1e999, "input_length": 5, "output_length": 1, "hash_ids": [1]}': "finite",
        '{"timestamp": 5, "input_length": 5, "output_length": 1, "hash_ids": [1]}': "line above",
        '{"timestamp": -5, "input_length": 5, "output_length": 1, "hash_ids": [1]}': "not before 0",
        '{"timestamp": 5000, "input_length": "5", "output_length": 1, "hash_ids": [1]}': "whole",
        '{"timestamp": 5000, "input_length": true, "output_length": 1, "hash_ids": [1]}': "whole",
        '{"timestamp": 5000, "input_length": 5.5, "output_length": 1, "hash_ids": [1]}': "whole",
        '{"timestamp": 5000, "input_length": 1e12, "output_length": 1, "hash_ids": []}': r"2\*\*31",
        '{"timestamp": 5000, "output_length": 1, "hash_ids": [1]}': "found nothing",
        '{"timestamp": 5000, "input_length": 5, "output_length": 1, "hash_ids": [1.5]}': "hashes",
        '{"timestamp": 5000, "input_length": 5, "output': "no JSON object",
        "[1, 2]": "expected an object with keys, found list",
        "7": "found int",
        '{"a":' * 3000: "no JSON object",
        '{"timestamp": ' + "9" * 5000 + "}": "no JSON object",
    },
    "bailian": {
        '{"chat_id": 1.5, "parent_chat_id": -1, "timestamp": 99, "input_length": 5, '
        '"output_length": 1, "hash_ids": [1]}': "chat_id: expected a whole number",
        '{"chat_id": 1, "parent_chat_id": -2, "timestamp": 99, "input_length": 5, '
        '"output_length": 1, "hash_ids": [1]}': "parent_chat_id: expected a whole number from -1",
    },
    "llmservingsim": {
        '{"input_toks": 3, "output_toks": 1, "arrival_time_ns": 2e9, "input_tok_ids": [1]}': "many",
    },
    "openai_usage": {
        '{"created": 17, "usage": {"prompt_tokens": 5, "completion_tokens": 1}}': "time",
        '{"created": 1754000000, "usage": {"prompt_tokens": 0, "completion_tokens": 1}}': "least 1",
        '{"created": 1754000000, "prompt_tokens": 5, "cached_tokens": 9, "completion_tokens": 1}': (
            "no more cached than prompt tokens"
        ),
    },
    "openai_batch": {
        '{"custom_id": "a", "url": "", "body": {"messages": [], "max_tokens": 5}}': "some text",
        '{"custom_id": "a", "url": "", "body": {"messages": ["hello"]}}': "one of max_tokens",
        '{"custom_id": "a", "url": "", "body": 5}': "some text",
    },
    "mooncake_agentic": {
        '{"request_id": "z", "input_length": 5, "output_length": 1, "hash_ids": [1], '
        '"wait_for": ["nobody"]}': "request_ids of lines above",
        '{"request_id": "z", "input_length": 5, "output_length": 1, "hash_ids": [1]}': "to wait",
        '{"request_id": "z", "input_length": 5, "output_length": 1, "hash_ids": [1], '
        '"wait_for": ["r0"], "timestamp": 4}': "not before that of the call it waits for",
    },
    "llmservingsim_agentic": {
        '{"session_id": "z", "arrival_time_ns": 1, "sub_requests": 5}': "a list of calls",
        '{"session_id": "z", "arrival_time_ns": 1, "sub_requests": [{"input_toks": 5}]}': "whole",
        '{"session_id": "z", "arrival_time_ns": -1, "sub_requests": []}': "not before 0",
    },
    "aiperf": {'{"metadata": {}, "metrics": {}}': "request_start_ns: expected a whole number"},
    "burstgpt": {
        "200,,1,GPT-4,0,5,5,API log": "Request tokens: expected at least 1 token",
        "200,,1,GPT-4,5,-5,5,API log": "Response tokens: expected at least 0 tokens",
        "20,,1,GPT-4,5,5,5,API log": "Timestamp: expected a time not before",
    },
    "splitwise": {"3,2,0,6.0,2,5,5": "batch_size: expected a whole number from 1 to 1"},
    "vidur": {"inf,5,5": "arrived_at: expected a finite number", "-1,5,5": "not before 0"},
    "plain_csv": {"6.0,5,5,high,red,": "priority: expected a whole number"},
    "litellm": {'f,x,5,5,yesterday,,,,"",,,success': "startTime: expected a time like"},
}


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [(name, row, message) for name, rows in BAD_LINES.items() for row, message in rows.items()],
)
def test_a_bad_row_is_refused_with_its_place_or_skipped_and_counted(name, row, message, tmp_path):
    good = FILES[name].read_text("utf-8")
    (tmp_path / "log").write_text(good + row + "\n", "utf-8")
    with pytest.raises(InputError, match=rf"(line|row|entry|request) \d+: .*{message}") as caught:
        formats.read(tmp_path / "log", name)
    place = len(good.splitlines()) + 1
    assert name == "litellm" or f"line {place}:" in str(caught.value)
    trace = formats.read(tmp_path / "log", name, skip_bad_rows=True)
    assert trace.meta["skipped_rows"] == 1
    assert trace == formats.read(FILES[name])


BAD_DOCUMENTS = {
    "distserve": {
        "{}": "expected a JSON list of objects, found dict",
        '[{"start_time": 0, "prompt_len": 5}]': "entry 1: output_len",
        "[7]": "entry 1: expected an object",
        "[{": "line 1, column",
        "[]": "holds no requests",
    },
    "vllm_bench": {
        '{"input_lens": [1], "output_lens": [1]}': "no array 'start_times'; run the benchmark",
        '{"start_times": [1, 2], "input_lens": [1], "output_lens": [1]}': "of different lengths",
        "[]": "expected one JSON object",
    },
    "guidellm": {
        "a: [": "expected",
        "{}": "has no list 'benchmarks'",
        '{"benchmarks": [5]}': "holds no requests",
    },
    "inference_perf": {'[{"start_time": 1}]': "entry 1: info.input_tokens"},
    "sharegpt": {
        '[{"conversations": 5}]': "conversation 1: conversations: expected a list",
        '[{"conversations": [{"from": "human", "value": 5}]}]': "expected messages with a text",
    },
}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (name, text, message)
        for name, texts in BAD_DOCUMENTS.items()
        for text, message in texts.items()
    ],
)
def test_a_bad_document_is_refused(name, text, message, tmp_path):
    (tmp_path / "doc.json").write_text(text)
    with pytest.raises(InputError, match=message):
        formats.read(tmp_path / "doc.json", name)


def test_bytes_that_are_no_utf8_have_a_line(tmp_path):
    data = FILES["mooncake"].read_bytes() + b'{"timestamp": "\xff"}\n'
    (tmp_path / "log").write_bytes(data)
    with pytest.raises(InputError, match="line 4: bytes that are no UTF-8"):
        formats.read(tmp_path / "log")
    (tmp_path / "doc").write_bytes(FILES["distserve"].read_bytes().replace(b"374", b"\xff"))
    with pytest.raises(InputError, match="line 1: bytes that are no UTF-8"):
        formats.read(tmp_path / "doc")


def test_prompts_and_hashes_that_disagree_are_counted(tmp_path):
    rows = (
        '{"timestamp": 0, "input_length": 1200, "output_length": 1, "hash_ids": [1, 2]}\n'
        '{"timestamp": 0, "input_length": 500, "output_length": 1, "hash_ids": [1, 2]}\n'
    )
    (tmp_path / "log").write_text(rows)
    trace = formats.read(tmp_path / "log")
    assert [length for _, length in prompts(trace)[0]] == [512, 512, 176]
    assert trace.meta["prompts_longer_than_their_hashes"] == 1
    assert trace.meta["prompts_shorter_than_their_hashes"] == 1


def test_hashes_may_be_words_negative_or_huge(tmp_path):
    row = '{"timestamp": 0, "input_length": 1500, "output_length": 1, "hash_ids": %s}\n'
    (tmp_path / "log").write_text(row % '["x", -3, 99999999999999999999]' + row % '["x", -3, 4]')
    first, second = prompts(formats.read(tmp_path / "log"))
    assert first[:2] == second[:2]
    assert first[2] != second[2]
    assert all(0 <= name < 10 for name, _ in first + second)


def test_the_real_mooncake_conversations_read_whole(real_trace):
    trace = formats.read(real_trace("mooncake_conversation_trace.jsonl.gz"))
    assert len(trace) == 12_031
    assert trace.prompt_tokens.mean() == pytest.approx(12_035, abs=1)
    assert trace.output_tokens.mean() == pytest.approx(343, abs=1)
    assert trace.segments is not None
    assert len(np.unique(trace.segments.ids)) == 182_790
