"""Errors a person can act on: where, what was found, and what would have gone right."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["InputError", "did_you_mean"]


class InputError(ValueError):
    """Something handed in from outside is wrong; the message is one line that says how to mend it.

    The command line prints the message and exits with code 2. Raised inside a pydantic validator
    it becomes part of the ``ValidationError``, which `hardware_profiles.explain` turns back.
    """


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Tail of a message about an unknown name: the nearest one, then all there are.

    >>> did_you_mean("h100-smx", ["h100-sxm", "l4"])
    "did you mean 'h100-sxm'? There are: h100-sxm, l4"
    >>> did_you_mean("tpu", ["h100-sxm", "l4"])
    'there are: h100-sxm, l4'
    """
    known = sorted(names)
    by_folded = {entry.casefold(): entry for entry in known}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    listing = ", ".join(known) if known else "none"
    if close:
        return f"did you mean {by_folded[close[0]]!r}? There are: {listing}"
    return f"there are: {listing}"
