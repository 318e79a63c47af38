"""Prompts named as they come share names just where they share text."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workloads.prompt_names import PromptNames
from workloads.segments import from_rows

BLOCK = 4
PROMPTS = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=5),
    min_size=2,
    max_size=12,
)


def blocks(path):
    """Each block as (node, its place in the node)."""
    named, start = [], 0
    for node, end in path:
        named += [(node, block - start) for block in range(start, end)]
        start = end
    return named


def tokens(prompt):
    return [(segment, place) for segment, length in prompt for place in range(length)]


def merged(prompt):
    """No segment twice in a row: the second would begin anew at place 0, which is no text."""
    return [piece for i, piece in enumerate(prompt) if i == 0 or piece[0] != prompt[i - 1][0]]


@given(PROMPTS)
def test_two_prompts_share_a_block_where_they_agree_up_to_its_last_token(prompts):
    prompts = [merged(prompt) for prompt in prompts]
    paths = list(PromptNames(BLOCK).paths(from_rows(prompts), 0, len(prompts)))
    for prompt, path in zip(prompts, paths, strict=True):
        assert len(blocks(path)) == len(tokens(prompt)) // BLOCK
    for one, first in zip(prompts, paths, strict=True):
        for other, second in zip(prompts, paths, strict=True):
            alike = 0
            for left, right in zip(tokens(one), tokens(other), strict=False):
                if left != right:
                    break
                alike += 1
            shared = set(blocks(first)) & set(blocks(second))
            assert shared == set(blocks(first)[: alike // BLOCK])


@given(PROMPTS, st.integers(1, 5))
def test_names_do_not_depend_on_how_many_come_at_once(prompts, at_once):
    table = from_rows(prompts)
    whole = list(PromptNames(BLOCK).paths(table, 0, len(prompts)))
    names, parts = PromptNames(BLOCK), []
    for start in range(0, len(prompts), at_once):
        parts += names.paths(table, start, min(start + at_once, len(prompts)))
    assert parts == whole


def test_what_is_needed_is_found_again_and_what_is_not_is_forgotten():
    table = from_rows([[(0, 8), (1, 8)], [(2, 8)]])
    names = PromptNames(BLOCK)
    (kept, _) = names.paths(table, 0, 2)
    names.forget({kept[-1][0]})
    assert len(names) == 2  # the node that is needed, and the one before it
    (again, new) = names.paths(table, 0, 2)
    assert again == kept
    assert new[0][0] not in {node for node, _ in kept}
    names.forget(set())
    assert len(names) == 0


def test_no_more_names_are_kept_than_are_needed_however_many_come():
    names, rng = PromptNames(16), np.random.default_rng(0)
    for _ in range(50):
        prompts = [[(int(rng.integers(2**60)), 512)] for _ in range(100)]
        last = list(names.paths(from_rows(prompts), 0, 100))
        names.forget({node for path in last for node, _ in path})
        assert len(names) == 100
