"""The design page of the fleet names every kind, every key and every default that is a number."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from simulator.fleet.admission import Admission
from simulator.fleet.autoscaler import Autoscaler
from simulator.fleet.faults import Fault
from simulator.fleet.hold import Queue
from simulator.fleet.operations import Operation
from simulator.fleet.overflow import Overflow, When
from simulator.fleet.pool_plan import Disaggregation, LoRA, PoolChoice
from simulator.fleet.routing import Router
from simulator.fleet.start_up import StartUp

PAGE = Path(__file__).parents[3] / "docs" / "design" / "the-fleet.md"
UNIONS: dict[str, Any] = {
    "router": Router,
    "admission": Admission,
    "queue": Queue,
    "pool_choice": PoolChoice,
    "autoscaler": Autoscaler,
    "faults": Fault,
    "operations": Operation,
    "overflow": When,
}
VALUES: dict[str, type[BaseModel]] = {
    "overflow": Overflow,
    "start_up": StartUp,
    "disaggregation": Disaggregation,
    "lora": LoRA,
}


def kinds() -> list[tuple[str, type[BaseModel]]]:
    members = [
        (key, kind) for key, union in UNIONS.items() for kind in get_args(get_args(union)[0])
    ]
    return [*members, *VALUES.items()]


def row_of(key: str) -> str:
    """The row of the table about a key of the scenario."""
    text = PAGE.read_text(encoding="utf-8")
    (row,) = (
        line
        for line in text.splitlines()
        if line.startswith("| `") and f"`{key}`" in line.split(" | ")[0]
    )
    return row


@pytest.mark.parametrize(
    ("key", "kind"), kinds(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_kind_is_on_the_page_with_its_keys_and_defaults(key: str, kind: type[BaseModel]) -> None:
    row = row_of(key)
    for name, field in kind.model_fields.items():
        if name == "kind":
            assert f"`{field.default}`" in row
            continue
        assert f"`{name}`" in row
        default = field.default
        if isinstance(default, int | float) and not isinstance(default, bool) and default:
            written = "a day" if default == 86_400 else f"{default:,g}"
            assert re.search(rf"`{name}`[^`]{{0,20}}(?<![\d,]){written}(?![\d,]\d)", row), name
