"""Tokens of a text when no tokenizer is at hand: a quarter of its characters."""

__all__ = ["ASSUMPTION", "CHARACTERS_PER_TOKEN", "tokens_of"]

CHARACTERS_PER_TOKEN = 4
"""Common for English text; source code and other scripts have fewer."""

ASSUMPTION = f"a token is {CHARACTERS_PER_TOKEN} characters of text"


def tokens_of(text: str) -> int:
    """Estimated tokens, at least 1 where there is any text.

    >>> tokens_of("Hello, world"), tokens_of("!"), tokens_of("")
    (3, 1, 0)
    """
    return -(-len(text) // CHARACTERS_PER_TOKEN)
