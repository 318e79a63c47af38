"""How often something is done over and over: every so many seconds, or, with 0, at all times."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from hardware_profiles.errors import InputError

__all__ = ["SHORTEST_S", "Beat"]

SHORTEST_S = 1e-3
"""Below a step's time nothing changes between two looks, and a run would be all looks. [s]"""


def _not_too_often(every_s: float) -> float:
    if 0 < every_s < SHORTEST_S:
        raise InputError(f"expected 0 or at least {SHORTEST_S:g} s, found {every_s:g}")
    return every_s


Beat = Annotated[float, Field(ge=0), AfterValidator(_not_too_often)]
