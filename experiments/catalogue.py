"""The catalogue as tables: what is on each shelf, and one entry in full."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from experiments.calibration_names import find_gpu, find_model
from hardware_profiles import GPU, InputError, Link, Node, Offer, Profile
from hardware_profiles.endpoint import Endpoint
from hardware_profiles.errors import did_you_mean, nearest
from hardware_profiles.people import People
from hardware_profiles.price import SecondSource
from hardware_profiles.price_per_token import TokenPrice
from hardware_profiles.server import Server
from hardware_profiles.site import Site
from hardware_profiles.yaml_file import load_yaml
from simulator.economics.overheads import Overheads
from workloads import traffic
from workloads.llm import LLM

__all__ = ["SHELVES", "print_anything", "print_entry", "print_shelf"]

DATED = 100
"""Columns from which on a table says when its entries were checked."""


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _second(entry: Any, second: SecondSource | None) -> str:
    """What another source says, and whether it disagrees."""
    if second is None:
        return "–"
    told = "none" if second.usd is None else f"{second.usd:,g}"
    return f"{told} ≠" if entry.sources_disagree else told


class Shelf(NamedTuple):
    """One kind of entry and what to show of it in a table."""

    profile: type[Profile]
    columns: dict[str, Callable[[Any], object]]
    legend: str = ""
    only_wide: tuple[str, ...] = ()
    """Columns for which a narrow terminal has no room."""


def _peak(precision: str) -> Callable[[GPU], str]:
    """Dense peak at a precision, or a dash."""
    return lambda gpu: next(
        (f"{tflops:g}" for key, tflops in gpu.peak_tflops.items() if key == precision), "–"
    )


def _thousands(tokens: int) -> str:
    """A context as people say it: 128k, 10M."""
    return f"{tokens / 1024:.0f}k" if tokens < 2**20 else f"{tokens / 2**20:.3g}M"


def _kv(llm: LLM) -> str:
    """Cache of one token in 16 bits. [KiB]"""
    return f"{2 * llm.kv_values_per_token() / 1024:.4g}"


SHELVES: dict[str, Shelf] = {
    "gpus": Shelf(
        GPU,
        {
            "GiB": lambda gpu: f"{gpu.memory_gib:.4g}",
            "GB/s": lambda gpu: f"{gpu.bandwidth_gb_s:g}",
            "16 bit": _peak("bf16"),
            "fp8": _peak("fp8"),
            "fp4": _peak("fp4"),
            "link": lambda gpu: gpu.link.name,
            "W": lambda gpu: f"{gpu.tdp_w:g}",
        },
        "16 bit, fp8, fp4: dense peaks [TFLOPS]. GiB: as CUDA reports it.",
    ),
    "models": Shelf(
        LLM,
        {
            "params": lambda llm: f"{llm.parameters.total / 1e9:.1f}",
            "active": lambda llm: f"{llm.active_parameters / 1e9:.1f}",
            "experts": lambda llm: llm.num_experts or "–",
            "weights": lambda llm: llm.weights_precision,
            "KV KiB": _kv,
            "context": lambda llm: _thousands(llm.max_position_embeddings),
        },
        "params, active: billions, all and those of a token. KV KiB: its cache in 16 bits.",
    ),
    "offers": Shelf(
        Offer,
        {
            "GPU": lambda offer: offer.gpu,
            "mode": lambda offer: offer.mode.replace("_", " "),
            "USD/h": lambda offer: f"{offer.usd_per_gpu_hour:.3f}",
            "billed by": lambda offer: f"{offer.billing_quantum_s:g} s",
            "2nd": lambda offer: _second(offer, offer.second),
        },
        "USD/h: for one GPU. 2nd: what another source says, ≠ where it disagrees.",
        only_wide=("GPU", "billed by"),
    ),
    "token-prices": Shelf(
        TokenPrice,
        {
            "in": lambda price: f"{price.rates.input:g}",
            "cached": lambda price: _or_dash(price.rates.cached),
            "out [USD/M]": lambda price: f"{price.rates.output:g}",
            "batch": lambda price: _or_dash(price.batch_factor),
            "other from": lambda price: (
                ", ".join(f"{each.on:%Y-%m}" for each in price.changes) or "–"
            ),
            "2nd, ≠ apart": lambda price: _second(price, price.second),
        },
    ),
    "servers": Shelf(
        Server,
        {
            "GPUs": lambda server: f"{server.gpus} x {server.gpu}",
            "USD": lambda server: f"{server.usd:,.0f}",
            "idle W": lambda server: f"{server.idle_w:,.0f}",
            "full W": lambda server: f"{server.full_w:,.0f}",
            "months": lambda server: server.life_months,
            "2nd, ≠ apart": lambda server: _second(server, server.second),
        },
    ),
    "sites": Shelf(
        Site,
        {
            "region": lambda site: site.region,
            "USD/kWh": lambda site: f"{site.usd_per_kwh:g}",
            "PUE": lambda site: f"{site.pue:g}",
            "USD/kW/month": lambda site: f"{site.usd_per_kw_month:g}",
            "2nd, ≠ apart": lambda site: _second(site, site.second),
        },
    ),
    "people": Shelf(
        People,
        {
            "USD a year": lambda people: f"{people.usd_per_year:,.0f}",
            "USD an hour": lambda people: f"{people.usd_per_hour:.2f}",
        },
    ),
    "overheads": Shelf(
        Overheads,
        {
            "FTE": lambda set_: f"{set_.fte:g}",
            "staging GPU-h": lambda set_: f"{set_.staging_gpu_h:g}",
            "updates a month": lambda set_: f"{set_.updates_per_month:.2g}",
            "tooling USD": lambda set_: f"{set_.tooling_usd:,.0f}",
        },
    ),
    "endpoints": Shelf(
        Endpoint,
        {
            "in": lambda endpoint: f"{endpoint.usd_per_million_input_tokens:g}",
            "out [USD/M]": lambda endpoint: f"{endpoint.usd_per_million_output_tokens:g}",
            "TTFT [s]": lambda endpoint: f"{endpoint.ttft_s:g}",
            "tokens/s": lambda endpoint: _or_dash(endpoint.tokens_per_s),
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
    dated = console.width >= DATED
    table = _shelf_table(f"{kind}: {len(shelf.profile.names())}")
    table.add_column("name", no_wrap=True)
    columns = {
        title: cell
        for title, cell in shelf.columns.items()
        if dated or title not in shelf.only_wide
    }
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    if dated:
        table.add_column("checked", no_wrap=True)
    table.add_column("conf", no_wrap=True)
    for name in shelf.profile.names():
        entry = shelf.profile.named(name)
        cells = [str(cell(entry)) for cell in columns.values()]
        table.add_row(name, *cells, *([str(entry.checked)] if dated else []), entry.confidence)
    console.print(table)
    confidence = "conf A: primary or cross-checked, B: secondary, C: verify first."
    console.print(f"{shelf.legend} {confidence}\n".lstrip(), highlight=False)


def print_anything(name: str, console: Console) -> None:
    """Print the entry of that name, or that such a name means, on whichever shelf it is."""
    for kind, shelf in SHELVES.items():
        if name.strip().casefold() in shelf.profile.names():
            print_entry(kind, name, console)
            return
    if name in traffic.names():
        print_entry("traffic", name, console)
        return
    for kind, find in (("gpus", find_gpu), ("models", find_model)):
        with suppress(InputError):
            print_entry(kind, find(name).name, console)
            return
    shelved = [entry for shelf in SHELVES.values() for entry in shelf.profile.names()]
    raise InputError(f"no entry is called {name!r}; {nearest(name, shelved, 'on the shelves')}")


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


def _shelf_table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )


def _known(kind: str) -> str:
    if kind not in SHELVES:
        kinds: Sequence[str] = [*SHELVES, "traffic"]
        raise InputError(f"there is no catalogue of {kind!r}; {did_you_mean(kind, kinds)}")
    return kind


def _print_traffic(console: Console) -> None:
    table = _shelf_table(f"traffic: {len(traffic.names())}")
    table.add_column("name", no_wrap=True)
    table.add_column("confidence")
    table.add_column("what it is")
    for name in traffic.names():
        entry = load_yaml(traffic.SHELF / f"{name}.yaml")
        table.add_row(name, str(entry.get("confidence", "")), str(entry.get("notes", "")))
    console.print(table)
