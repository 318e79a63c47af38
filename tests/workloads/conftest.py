"""Where real traces are, and generators with a fixed seed."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """The same draws in every run."""
    return np.random.default_rng(20260801)


@pytest.fixture
def real_trace():
    """Path of a public trace kept beside the repository; the test is skipped where it is not."""

    def find(name: str) -> Path:
        path = Path(__file__).parents[3] / "shared" / "traces" / name
        if not path.exists():
            pytest.skip(f"the real trace {name} is not beside this repository")
        return path

    return find
