"""The catalogue as tables: what is on each shelf, and one entry in full."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from hardware_profiles import GPU, InputError, Link, Node, Offer, Profile
from hardware_profiles.errors import did_you_mean
from hardware_profiles.yaml_file import load_yaml
from workloads import traffic
from workloads.llm import LLM

__all__ = ["SHELVES", "print_entry", "print_shelf"]


class Shelf(NamedTuple):
    """One kind of entry and what to show of it in a table."""

    profile: type[Profile]
    columns: dict[str, Callable[[Any], object]]


SHELVES: dict[str, Shelf] = {
    "gpus": Shelf(
        GPU,
        {
            "GiB": lambda gpu: f"{gpu.memory_gib:g}",
            "GB/s": lambda gpu: f"{gpu.bandwidth_gb_s:g}",
            "bf16 TFLOPS": lambda gpu: f"{gpu.peak_tflops['bf16']:g}",
            "fp8 TFLOPS": lambda gpu: (
                f"{gpu.peak_tflops['fp8']:g}" if "fp8" in gpu.peak_tflops else "–"
            ),
            "link": lambda gpu: gpu.link.name,
            "W": lambda gpu: f"{gpu.tdp_w:g}",
        },
    ),
    "models": Shelf(
        LLM,
        {
            "parameters": lambda llm: f"{llm.parameters.total / 1e9:.1f} B",
            "active": lambda llm: f"{llm.active_parameters / 1e9:.1f} B",
            "layers": lambda llm: llm.num_hidden_layers,
            "KV heads": lambda llm: llm.num_key_value_heads,
            "experts": lambda llm: llm.num_experts or "–",
        },
    ),
    "offers": Shelf(
        Offer,
        {
            "GPU": lambda offer: offer.gpu,
            "mode": lambda offer: offer.mode.replace("_", " "),
            "USD per GPU-hour": lambda offer: f"{offer.usd_per_gpu_hour:.3f}",
            "billed by": lambda offer: f"{offer.billing_quantum_s:g} s",
        },
    ),
    "links": Shelf(
        Link,
        {
            "GB/s one way": lambda link: f"{link.bandwidth_gb_s:g}",
            "µs": lambda link: f"{link.latency_us:g}",
        },
    ),
    "nodes": Shelf(
        Node,
        {
            "GPUs": lambda node: f"{node.gpus_per_node} x {node.gpu.name}",
            "link": lambda node: node.gpu_link.name,
            "network": lambda node: node.network.name,
        },
    ),
}


def print_shelf(kind: str, console: Console) -> None:
    """Print every entry of a shelf, one a row, with its date and confidence."""
    if kind == "traffic":
        _print_traffic(console)
        return
    shelf = SHELVES[_known(kind)]
    table = Table(title=kind, title_justify="left", header_style="bold")
    table.add_column("name", no_wrap=True)
    for title in shelf.columns:
        table.add_column(title, justify="right")
    table.add_column("checked", no_wrap=True)
    table.add_column("conf.")
    for name in shelf.profile.names():
        entry = shelf.profile.named(name)
        cells = [str(cell(entry)) for cell in shelf.columns.values()]
        table.add_row(name, *cells, str(entry.checked), entry.confidence)
    console.print(table)


def print_entry(kind: str, name: str, console: Console) -> None:
    """Print one entry as its file has it."""
    if kind == "traffic":
        names = traffic.names()
        if name not in names:
            raise InputError(f"no traffic is called {name!r}; {did_you_mean(name, names)}")
        path = traffic.SHELF / f"{name}.yaml"
    else:
        profile = SHELVES[_known(kind)].profile
        path = profile.shelf / f"{profile.named(name).name}.yaml"
    console.print(path.read_text(encoding="utf-8"), markup=False, highlight=False, end="")


def _known(kind: str) -> str:
    if kind not in SHELVES:
        kinds: Sequence[str] = [*SHELVES, "traffic"]
        raise InputError(f"there is no catalogue of {kind!r}; {did_you_mean(kind, kinds)}")
    return kind


def _print_traffic(console: Console) -> None:
    table = Table(title="traffic", title_justify="left", header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("what it is")
    for name in traffic.names():
        table.add_row(name, str(load_yaml(traffic.SHELF / f"{name}.yaml").get("notes", "")))
    console.print(table)
