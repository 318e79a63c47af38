"""Prompt identity for traces that say nothing of it: an assumption, and called one."""

import numpy as np
from numpy.random import Generator

from hardware_profiles.errors import InputError
from workloads.segments import Segments, offsets_of
from workloads.shared_text import SharedPrefixes
from workloads.trace import Trace

__all__ = ["assume_prefixes"]


def assume_prefixes(trace: Trace, prefixes: SharedPrefixes, rng: Generator) -> Trace:
    """The trace with a share of its prompts beginning with one of a few texts.

    Prompts keep their length: the shared text is taken to be part of it, all but the last token
    where the prompt is shorter.

    Raises
    ------
    InputError
        If the trace says itself who shares what.
    """
    if trace.segments is not None:
        raise InputError("assume_prefixes: this trace says itself which prompts share text")
    lengths, which = rng.spawn(2)
    length = prefixes.lengths(lengths)
    text = prefixes.choose(which, len(trace))
    shared = np.where(text < 0, 0, np.minimum(length[text], trace.prompt_tokens - 1))
    own = np.arange(prefixes.number, prefixes.number + len(trace))
    ids = np.stack([text, own], axis=1)
    tokens = np.stack([shared, trace.prompt_tokens - shared], axis=1)
    there = tokens > 0
    segments = Segments(offsets_of(there.sum(axis=1)), ids[there], tokens[there])
    assumed = (
        f"who shares which prompt text: {prefixes.share:.0%} of requests begin with one of "
        f"{prefixes.number} shared texts of {length.mean():.0f} tokens on average"
    )
    return trace.with_(segments=segments, assumed_identity=assumed)
