"""Whose requests there can be in traffic, by its recipe or file."""

from pathlib import Path

from workloads import formats
from workloads.mix import Mix
from workloads.replay import Replay
from workloads.servegen import ServeGen
from workloads.synthetic import Synthetic

__all__ = ["tenants_of"]


def tenants_of(traffic: Synthetic | Replay | ServeGen | Mix, base_dir: Path = Path()) -> set[str]:
    """Names of all tenants that the traffic has, also of those who ask nothing within its limits.

    Of a file all of it is read: a window of it may leave some of them out.

    Raises
    ------
    InputError
        If a file cannot be read.

    >>> from workloads.traffic import named
    >>> tenants_of(named("steady-chat"))
    set()
    """
    if isinstance(traffic, Mix):
        return {name for client in traffic.clients for name in client.names()}
    if isinstance(traffic, ServeGen):
        return set(traffic.tenants(base_dir))
    if isinstance(traffic, Synthetic):
        return set() if traffic.tenant is None else {traffic.tenant}
    if traffic.tenants:
        return set(traffic.tenants)
    trace = formats.read(
        base_dir / traffic.path,
        traffic.format,
        skip_bad_rows=traffic.skip_bad_rows,
        sort=traffic.sort,
        columns=traffic.columns,
    )
    return trace.tenants()
