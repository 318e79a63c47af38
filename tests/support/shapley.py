"""The Shapley value by its definition: the mean over all orders of what each adds on joining."""

from collections.abc import Callable
from itertools import permutations
from math import factorial


def shapley(players: int, value: Callable[[frozenset[int]], float]) -> list[float]:
    """Value of each player; factorial time, for three or four of them."""
    shares = [0.0] * players
    for order in permutations(range(players)):
        there: frozenset[int] = frozenset()
        for player in order:
            shares[player] += value(there | {player}) - value(there)
            there |= {player}
    return [share / factorial(players) for share in shares]
