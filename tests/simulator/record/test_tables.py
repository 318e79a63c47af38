"""What is published is declared, and what is declared has a meaning."""

import pytest

from simulator.record.result import Result
from simulator.record.tables import TABLES, empty, frame, glossary, names
from tests.support.toy_run import toy_run


def test_a_column_is_declared_once_per_table() -> None:
    for table in TABLES:
        assert len(set(names(table))) == len(names(table))


def test_every_column_has_a_unit_and_a_meaning() -> None:
    told = glossary()
    assert (told["unit"].str.len() > 0).all()
    assert (told["meaning"].str.len() > 5).all()
    assert len(told) == sum(len(columns) for columns in TABLES.values())


def test_an_empty_table_has_the_declared_dtypes() -> None:
    for table, columns in TABLES.items():
        found = empty(table).dtypes
        assert [str(found[c.name]) for c in columns] == [c.dtype for c in columns]


def test_a_recorded_table_has_the_declared_dtypes() -> None:
    result = toy_run().result
    for table in Result.TABLES:
        found = result.table(table).dtypes
        assert {c.name: str(found[c.name]) for c in TABLES[table]} == {
            c.name: c.dtype for c in TABLES[table]
        }


@pytest.mark.parametrize("columns", [{"request": [1]}, {"replica": [0], "colour": ["red"]}])
def test_a_column_missing_or_not_declared_is_refused(columns: dict[str, list[object]]) -> None:
    with pytest.raises(ValueError, match="columns missing"):
        frame("replicas", columns)
