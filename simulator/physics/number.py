"""Arithmetic that takes floats as floats, for speed, and arrays as arrays."""

from typing import Any

import numpy as np

__all__ = ["larger", "over", "smaller"]


def larger(a: Any, b: Any) -> Any:
    """Larger of two, element by element."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.maximum(a, b)
    return a if a > b else b


def smaller(a: Any, b: Any) -> Any:
    """Smaller of two, element by element."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.minimum(a, b)
    return a if a < b else b


def over(a: Any, b: Any) -> Any:
    """Quotient, 0 where there is nothing to divide by.

    >>> over(1.0, 0)
    0.0
    """
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        top, bottom = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
        return np.divide(top, bottom, out=np.zeros(bottom.shape), where=bottom > 0)
    return a / b if b > 0 else 0.0
