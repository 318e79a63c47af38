"""Errors a person can act on: where, what was found, and what would have gone right."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = ["InputError", "did_you_mean", "nearest"]

_LISTED = 24
"""Names that one line still holds; of more only the nearest are told."""


class InputError(ValueError):
    """Something handed in from outside is wrong; the message is one line that says how to mend it.

    The command line prints the message and exits with code 2. Raised inside a pydantic validator
    it becomes part of the ``ValidationError``, which `hardware_profiles.explain` turns back.

    Parameters
    ----------
    message : the line, without its place.
    at : keys and numbers that lead from what is validated to what is wrong, where that is further
        down; `explain` gives its line of the file.
    """

    def __init__(self, message: str, at: Sequence[int | str] = ()) -> None:
        super().__init__(message)
        self.at = tuple(at)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Tail of a message about an unknown name: the nearest one, then all there are.

    Of a long list only the names nearest in spelling are told, and how many more there are.

    >>> did_you_mean("h100-smx", ["h100-sxm", "l4"])
    "did you mean 'h100-sxm'? There are: h100-sxm, l4"
    >>> did_you_mean("tpu", ["h100-sxm", "l4"])
    'there are: h100-sxm, l4'
    """
    known = sorted(names)
    by_folded = {entry.casefold(): entry for entry in known}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    listing = ", ".join(known) if known else "none"
    if len(known) > _LISTED:
        some = _nearest(name, known, 8)
        listing = f"{', '.join(some)} and {len(known) - len(some)} more"
    if close:
        return f"did you mean {by_folded[close[0]]!r}? There are: {listing}"
    return f"there are: {listing}"


def nearest(name: str, names: Iterable[str], where: str = "there") -> str:
    """Tail of a message about an unknown name: a few that are spelt most like it.

    >>> nearest("llama-3.1-9b", ["llama-3.1-8b", "llama-2-7b", "qwen3-8b", "l4"])
    'nearest there: llama-3.1-8b, llama-2-7b, qwen3-8b'
    """
    return f"nearest {where}: {', '.join(_nearest(name, list(names), 3))}"


def _nearest(name: str, known: list[str], most: int) -> list[str]:
    by_folded = {entry.casefold(): entry for entry in known}
    close = get_close_matches(name.casefold(), by_folded, n=most, cutoff=0.0)
    return [by_folded[entry] for entry in close]
