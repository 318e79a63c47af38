"""A study is read whole, and what is wrong in it is said in one line."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.grid import points
from experiments.study import Study, Until
from hardware_profiles.errors import InputError

STUDY: dict[str, Any] = {
    "base": "chat-8b",
    "set": {"horizon_s": 20},
    "axes": {"engine.max_num_seqs": [4, 64], "replicas": [1, 2]},
    "replications": 2,
    "metrics": ["ttft.p99", "goodput.share"],
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "study.yaml"
    content = {key: value for key, value in {**STUDY, **changes}.items() if value is not ...}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_axes_are_crossed_and_the_paths_of_one_move_together() -> None:
    found = points(
        [{"gpu": ("l4", "l40s"), "offer": ("a", "b")}, {"replicas": (1, 2, 3)}],
    )
    assert len(found) == 6
    assert found[0] == {"gpu": "l4", "offer": "a", "replicas": 1}
    assert found[-1] == {"gpu": "l40s", "offer": "b", "replicas": 3}


def test_a_study_of_no_axis_is_its_base(tmp_path: Path) -> None:
    found = Study.from_file(written(tmp_path, axes=...)).points()
    assert [point.values for point in found] == [{}]


def test_each_point_is_the_base_with_its_values_laid_over(tmp_path: Path) -> None:
    found = Study.from_file(written(tmp_path), {"model": "qwen3-14b"}).points()
    last = found[-1].scenario
    assert last is not None
    assert (last.engine.max_num_seqs, last.replicas) == (64, 2)
    assert (last.model.name, last.horizon_s) == ("qwen3-14b", 20)


def test_laying_a_value_below_a_change_leaves_the_change_as_it_was(tmp_path: Path) -> None:
    steady = {"like": "steady-chat", "arrivals": {"kind": "poisson", "rate_per_s": 1.0}}
    path = written(tmp_path, set={"traffic": steady}, axes={"traffic.arrivals.rate_per_s": [2, 3]})
    study = Study.from_file(path)
    rates = [p.scenario.traffic.arrivals.rate_per_s for p in study.points() if p.scenario]
    assert rates == [2, 3]
    assert study.set == {"traffic": steady}


def test_a_base_is_found_beside_the_study_and_on_the_shelf(tmp_path: Path) -> None:
    beside = tmp_path / "mine.yaml"
    beside.write_text("{traffic: steady-chat, model: llama-3.1-8b, gpu: l4, horizon_s: 10}")
    assert Study.from_file(written(tmp_path, base="mine.yaml")).scenario().gpu.name == "l4"
    assert Study.from_file(written(tmp_path)).scenario().gpu.name == "h100-sxm"


def test_the_path_of_a_trace_starts_from_the_folder_of_the_study(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
    )
    path = written(
        tmp_path,
        set={"traffic": {"kind": "trace", "path": "t.csv"}},
        axes={"traffic.path": ["t.csv"]},
        replications=1,
    )
    (point,) = Study.from_file(path).points()
    assert point.scenario is not None
    assert len(point.scenario.trace()) == 1


def test_a_combination_that_cannot_be_is_a_point_that_fails(tmp_path: Path) -> None:
    axes = {
        "engine.enable_chunked_prefill": [True, False],
        "engine.max_num_batched_tokens": [512, 200000],
    }
    path = written(tmp_path, axes=axes, set={"engine.max_model_len": 8192})
    found = Study.from_file(path).points()
    assert [point.scenario is None for point in found] == [False, False, True, False]
    assert "without chunked prefill" in found[2].error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": "chat-8"}, "no scenario is called .*did you mean 'chat-8b'"),
        ({"base": "none.yaml"}, "there is no such file"),
        ({"base": ...}, "base: this key is needed"),
        ({"base": 3}, "base: "),
        ({"axis": {}}, "there is no key 'axis'; did you mean 'axes'"),
        ({"axes": {"engine.max_num_seq": [1]}}, "max_num_seq = 1: there is no key"),
        ({"axes": {"engine..x": [1]}}, "'engine..x' is no path"),
        ({"axes": {"": [1]}}, "'' is no path"),
        ({"axes": {"replicas": []}}, "replicas: expected values, found none"),
        ({"axes": {"replicas": 3}}, "replicas: expected a list of values, found 3"),
        ({"axes": {"replicas": [1, 1]}}, "replicas = 1 is given twice"),
        ({"axes": {"replicas": [0]}}, "axes: replicas = 0: .*found 0"),
        ({"axes": {"replicas": [-1, 2]}}, "replicas = -1: "),
        ({"axes": {"replicas": [float("nan")]}}, "replicas = nan: "),
        ({"axes": {"replicas": [10**30]}}, "replicas = 10{30}: "),
        ({"axes": {"seed": [1]}}, "replications have the seeds"),
        ({"axes": [{"replicas": [1]}, {"replicas": [2]}]}, "'replicas' is varied twice"),
        ({"axes": [{"replicas": [1, 2], "name": ["a"]}]}, "replicas has 2, name has 1"),
        ({"axes": [{}]}, "an axis has no path"),
        ({"axes": [3]}, "axes.0: "),
        ({"axes": {"replicas": list(range(30_000))}}, "30,000 points are too many"),
        ({"replications": 0}, "replications"),
        ({"replications": -2}, "replications"),
        ({"replications": float("nan")}, "replications"),
        ({"replications": 10**9}, "replications"),
        ({"replications": {"metric": "ttft.p99"}}, "either relative or half_width"),
        ({"replications": {"metric": "tpot.p99", "relative": 0.1}}, "'tpot.p99' is not measured"),
        ({"replications": {"metric": "ttft.p99", "relative": -0.1}}, "relative"),
        (
            {"replications": {"metric": "ttft.p99", "relative": 0.1, "least": 9, "most": 3}},
            r"least \(9\) is more than most",
        ),
        ({"metrics": []}, "metrics"),
        ({"metrics": ["ttft.p98"]}, "no metric is called 'ttft.p98'"),
        ({"metrics": ["ttft.p99", "ttft.p99"]}, "named twice"),
        ({"warm_up_s": -1}, "warm_up_s"),
        ({"warm_up_s": "mser6"}, "warm_up_s"),
        ({"level": 95}, "level"),
        ({"level": float("nan")}, "level"),
        ({"baseline": {"gpu": "l4"}}, "baseline: 'gpu' is not varied"),
        ({"baseline": {"replicas": 7}}, "7 is not among its values"),
        ({"baseline": {}}, "expected one path"),
        ({"picture": {"x": "gpu", "y": ["ttft.p99"]}}, "picture.x: 'gpu' is not varied"),
        ({"picture": {"x": "replicas", "y": ["itl.p99"]}}, "'itl.p99' is not measured"),
        ({"set": {"engine.max_seqs": 3}}, "max_seqs"),
        ({"set": [1]}, "set: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Study.from_file(written(tmp_path, **changes)).points()
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_study_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    for content, message in [
        ("", "found nothing"),
        ("- 1", "found a list"),
        ("a: [", "study.yaml:"),
    ]:
        path.write_text(content)
        with pytest.raises(InputError, match=message):
            Study.from_file(path)
    with pytest.raises(InputError, match="there is no such file"):
        Study.from_file(tmp_path / "none.yaml")


def test_replaying_a_trace_again_and_again_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
    )
    path = written(tmp_path, set={"traffic": {"kind": "trace", "path": "t.csv"}})
    with pytest.raises(InputError, match="the same whatever the seed"):
        Study.from_file(path).points()
    path = written(
        tmp_path, set={"traffic": {"kind": "trace", "path": "t.csv"}, "router.kind": "random"}
    )
    assert len(Study.from_file(path).points()) == 4


def test_a_width_is_asked_for_in_one_way() -> None:
    assert Until(metric="ttft.p99", relative=0.05).least == 8
    with pytest.raises(ValueError, match="either relative or half_width"):
        Until(metric="ttft.p99", relative=0.05, half_width=1)
