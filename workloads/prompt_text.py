"""What is new in each prompt of synthetic traffic: shared text, documents, the question itself."""

from pathlib import Path

import numpy as np
from numpy.random import Generator

from workloads.segments import Ints, Segments, offsets_of
from workloads.shared_text import Documents, SharedPrefixes

__all__ = ["said_in"]


def said_in(
    rng: Generator,
    session: Ints,
    new: Ints,
    prefixes: SharedPrefixes | None,
    documents: Documents | None,
    base_dir: Path,
) -> Segments:
    """Segments that each request adds to its conversation.

    Parameters
    ----------
    session : conversation of each request, in order; the first request of each has the prefix.
    new : tokens of each question.
    prefixes, documents : text shared between conversations, if there is any.
    """
    rows = len(session)
    parts: list[tuple[Ints, Ints]] = []
    texts = 0
    if prefixes is not None:
        lengths = prefixes.lengths(rng, base_dir)
        talks = int(session.max(initial=-1)) + 1
        first = np.diff(session, prepend=-1) > 0
        which = np.where(first, prefixes.choose(rng, talks)[session], -1)
        parts.append((which[:, None], np.where(which < 0, 0, lengths[which])[:, None]))
        texts += prefixes.number
    if documents is not None:
        lengths = documents.tokens.sample(rng, documents.number, base_dir)
        quoted = documents.choose(rng, rows)
        parts.append((quoted + texts, lengths[quoted]))
        texts += documents.number
    parts.append((np.arange(texts, texts + rows)[:, None], new[:, None]))
    ids = np.concatenate([part[0] for part in parts], axis=1)
    tokens = np.concatenate([part[1] for part in parts], axis=1)
    there = tokens > 0
    return Segments(offsets_of(there.sum(axis=1)), ids[there], tokens[there])
