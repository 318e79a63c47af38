"""The same study on a dask cluster, whose workers may die."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from experiments.cell import run_task
from experiments.study import Study
from experiments.sweep import run_study
from hardware_profiles.errors import InputError

distributed = pytest.importorskip("distributed", reason="dask is an extra")

# dask's own warnings (a port in use, a worker that went away) are none of ours.
pytestmark = pytest.mark.filterwarnings("default")

STUDY = Study.parse(
    {
        "name": "clustered",
        "base": "chat-8b",
        "set": {"horizon_s": 60},
        "axes": {"engine.max_num_seqs": [8, 16, 32], "model": ["llama-3.1-8b", "llama-3.1-70b"]},
        "replications": 4,
        "metrics": ["ttft.p99", "bill.usd_total"],
    }
)
CELLS = 24


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None
    ) as running:
        yield running.scheduler_address


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return run_study(STUDY, tmp_path_factory.mktemp("here")).table


def pids(address: str) -> list[int]:
    with distributed.Client(address, set_as_default=False) as client:
        return sorted(client.run(os.getpid).values())


def test_a_worker_killed_in_the_middle_costs_nothing_but_time(
    cluster: str, tmp_path: Path, here: pd.DataFrame
) -> None:
    before = pids(cluster)
    assert len(before) == 3

    def kill_one(done: float) -> None:
        if len(before) == 3:
            os.kill(before.pop(), signal.SIGKILL)

    found = run_study(STUDY, tmp_path, cluster=cluster, progress=kill_one)
    assert len(before) == 2
    assert found.run_now == CELLS
    assert (found.table["status"] == "failed").sum() == CELLS / 2
    pd.testing.assert_frame_equal(found.table, here)
    assert run_study(STUDY, tmp_path, cluster=cluster).run_now == 0


def test_a_cluster_runs_what_is_missing_here(cluster: str, tmp_path: Path) -> None:
    part = STUDY.model_copy(update={"replications": 2})
    assert run_study(part, tmp_path).run_now == CELLS / 2
    assert run_study(STUDY, tmp_path, cluster=cluster).run_now == CELLS / 2


def test_where_no_scheduler_answers_it_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.executors.PATIENCE_S", 0.5)
    with pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:1: no dask scheduler answers"):
        run_study(STUDY, tmp_path, cluster="tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    "address", ["", "nonsense", "http://x:1", "tcp://host", "tcp://:8786", "tcp://h:99999999"]
)
def test_what_is_no_address_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected an address such as tcp://host:8786"):
        run_study(STUDY, tmp_path, cluster=address)


def test_what_a_worker_needs_travels_with_the_cell() -> None:
    from distributed.protocol import deserialize, serialize

    assert deserialize(*serialize(run_task)) is run_task
