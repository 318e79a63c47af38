"""ServeGen traffic: many clients, each with its own rate and lengths through the day."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.random import Generator
from pydantic import Field

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value
from workloads.formats._rows import Ledger
from workloads.formats.servegen import read_client
from workloads.process import NotNegative, Positive
from workloads.trace import Trace

__all__ = ["ServeGen"]


class ServeGen(Value):
    """Requests drawn for the clients in a folder (or for one), each a tenant of its own."""

    kind: Literal["servegen"] = "servegen"
    path: Path
    """Folder with ``chunk-<i>-trace.csv`` and ``chunk-<i>-dataset.json`` pairs, or one CSV."""
    max_clients: Annotated[int, Field(ge=1)] | None = None
    """Only the so many first by number; ServeGen numbers clients from the busiest down."""
    start_s: NotNegative = 0.0
    """Begin at this time of the clients' day."""
    duration_s: Positive | None = None
    rate_scale: Positive = 1.0
    """So many times as many requests in every window; each window's burstiness stays."""

    def tenants(self, base_dir: Path = Path()) -> list[str]:
        """Its clients, by name."""
        return [file.name.removesuffix("-trace.csv") for file in self._files(base_dir / self.path)]

    def _files(self, path: Path) -> list[Path]:
        return (_client_files(path) if path.is_dir() else [path])[: self.max_clients]

    def sample(self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()) -> Trace:
        """Draw every client's requests; adding a client leaves the others' as they were."""
        path = base_dir / self.path
        files = self._files(path)
        columns = [
            read_client(Ledger(file)).draw(stream, self.rate_scale)
            for file, stream in zip(files, rng.spawn(len(files)), strict=True)
        ]
        names = self.tenants(base_dir)
        counts = [len(column[0]) for column in columns]
        trace = Trace.from_columns(
            np.concatenate([arrivals for arrivals, _, _ in columns]),
            np.concatenate([prompts for _, prompts, _ in columns]),
            np.concatenate([outputs for _, _, outputs in columns]),
            tenant=np.repeat(np.array(names, dtype=object), counts),
            meta={"source": path.name, "format": "servegen", "clients": len(files)},
        )
        ends = [end for end in (self.duration_s, horizon_s) if end is not None]
        cut = trace.window(self.start_s, min(ends) if ends else None)
        if not len(cut):
            raise InputError(
                f"{path}: its clients send nothing from {self.start_s:g} s on within the limits"
            )
        return cut

    def pieces(
        self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()
    ) -> Iterator[Trace]:
        """As `sample`, in one piece."""
        yield self.sample(rng, horizon_s, base_dir)


def _client_files(folder: Path) -> list[Path]:
    def number(path: Path) -> int:
        digits = path.name.removeprefix("chunk-").removesuffix("-trace.csv")
        return int(digits) if digits.isdecimal() else 2**31

    files = sorted(folder.glob("chunk-*-trace.csv"), key=lambda path: (number(path), path.name))
    if not files:
        raise InputError(f"{folder}: no chunk-<i>-trace.csv in this folder; expected one or more")
    return files
