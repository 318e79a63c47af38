"""Whose requests there can be in traffic."""

from pathlib import Path

from pydantic import TypeAdapter

from workloads.tenants import tenants_of
from workloads.traffic import Traffic


def known(recipe: object) -> set[str]:
    return tenants_of(TypeAdapter(Traffic).validate_python(recipe))


def test_a_recipe_names_its_tenants() -> None:
    chat = {
        "kind": "synthetic", "arrivals": {"kind": "poisson", "rate_per_s": 1}, "prompt_tokens": 9,
        "output_tokens": 9,
    }  # fmt: skip
    assert known(chat) == set()
    assert known({**chat, "tenant": "acme"}) == {"acme"}
    clients = [{"name": "one", "traffic": chat}, {"name": "many", "traffic": chat, "count": 2}]
    assert known({"kind": "mix", "clients": clients}) == {"one", "many-1", "many-2"}


def test_a_file_names_all_that_are_in_it_whatever_its_window(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("arrival_s,prompt_tokens,output_tokens,tenant\n0,1,2,a\n5,1,2,\n900,1,2,b\n")
    replay = {"kind": "trace", "path": str(log), "duration_s": 1.0}
    assert known(replay) - {""} == {"a", "b"}
    assert known({**replay, "tenants": ["b"]}) == {"b"}


def test_each_client_of_servegen_is_a_tenant(tmp_path: Path) -> None:
    for number in (0, 1, 10):
        (tmp_path / f"chunk-{number}-trace.csv").write_text("")
    folder = {"kind": "servegen", "path": str(tmp_path)}
    assert known(folder) == {"chunk-0", "chunk-1", "chunk-10"}
    assert known({**folder, "max_clients": 2}) == {"chunk-0", "chunk-1"}
