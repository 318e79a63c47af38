"""Memory against every KV block count that measured runs have, through the engine's arguments."""

from pathlib import Path

import pandas as pd
import pytest

from experiments.calibration_names import find_gpu, find_model
from simulator.engine.engine_args import EngineArgs
from simulator.physics.memory import num_gpu_blocks

MEASURED = Path(__file__).resolve().parents[4] / "shared" / "truth" / "measured.csv"

if not MEASURED.exists():
    pytest.skip(f"{MEASURED} is not here: NO measured KV blocks checked", allow_module_level=True)

ROWS = pd.read_csv(MEASURED).dropna(subset=["kv_blocks"]).drop_duplicates("experiment_id")


@pytest.mark.parametrize("row", ROWS.to_dict("records"), ids=lambda row: str(row["experiment_id"]))
def test_blocks_are_within_five_percent_of_what_the_server_logged(row: dict[str, object]) -> None:
    model, gpu = find_model(str(row["model"])), find_gpu(str(row["gpu"]))
    keys = ("max_num_seqs", "max_num_batched_tokens", "max_model_len")
    known = {key: int(str(row[key]).split(".")[0]) for key in keys if pd.notna(row[key])}
    precision = "fp8" if "fp8" in str(row["weights_precision"]).lower() else "bf16"
    engine = EngineArgs(tensor_parallel_size=int(str(row["tp"])), quantization=precision, **known)
    blocks = num_gpu_blocks(model, gpu, engine.resolved(gpu, model).layout(model))
    assert blocks == pytest.approx(row["kv_blocks"], rel=0.05)


def test_there_are_measured_blocks_to_check() -> None:
    assert len(ROWS) >= 11
