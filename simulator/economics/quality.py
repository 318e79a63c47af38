"""Quality: what it costs to know it, to keep it, and to mend an answer that was not good enough."""

from __future__ import annotations

from statistics import NormalDist

__all__ = [
    "escalated_cost",
    "evaluation_cost",
    "quantized_wins",
    "release_cost",
    "samples_to_detect",
]


def samples_to_detect(
    pass_rate: float, drop: float, error: float = 0.05, power: float = 0.80
) -> float:
    r"""Answers to judge per window to notice a drop of the pass rate.

    $n = 2 (z_{1 - \alpha/2} + z_{1 - \beta})^2\, p (1 - p) / \delta^2$, two proportions with the
    normal approximation (Fleiss, Levin and Paik 2003). Round up to use it.

    Parameters
    ----------
    pass_rate : p, of good answers now.
    drop : delta, what must not go unnoticed.
    error, power : of false alarms, and of noticing.

    >>> round(samples_to_detect(0.95, 0.02))
    1864
    """
    if not (0 < pass_rate < 1 and 0 < drop <= pass_rate):
        raise ValueError(f"pass_rate {pass_rate} and drop {drop} must be shares, drop the smaller")
    z = NormalDist().inv_cdf
    return 2 * (z(1 - error / 2) + z(power)) ** 2 * pass_rate * (1 - pass_rate) / drop**2


def evaluation_cost(
    samples: float,
    usd_per_judgement: float,
    reviewed_share: float = 0.0,
    review_h: float = 0.0,
    usd_per_hour: float = 0.0,
) -> float:
    """Judging sampled answers: a model's verdict on each, a person's on some. [USD]

    Parameters
    ----------
    samples : answers judged.
    reviewed_share : of them, those that a person looks at.
    review_h : time for one. [h]
    usd_per_hour : of that person's time.

    >>> round(evaluation_cost(1000, 0.002, reviewed_share=0.05, review_h=0.05, usd_per_hour=60.0))
    152
    """
    return samples * (usd_per_judgement + reviewed_share * review_h * usd_per_hour)


def release_cost(
    cases: int,
    usd_per_answer: float,
    usd_per_judgement: float,
    engineer_h: float,
    usd_per_hour: float,
    rollout_gpu_h: float = 0.0,
    usd_per_gpu_h: float = 0.0,
) -> float:
    """One release: the test set answered and judged, the engineer, the double capacity. [USD]

    >>> release_cost(500, 0.006, 0.002, engineer_h=12, usd_per_hour=100.0)
    1204.0
    """
    return (
        cases * (usd_per_answer + usd_per_judgement)
        + engineer_h * usd_per_hour
        + rollout_gpu_h * usd_per_gpu_h
    )


def escalated_cost(usd: float, pass_rate: float, usd_escalated: float) -> float:
    """Cost of an accepted answer when what fails is asked again elsewhere: c + (1 - q) c_e. [USD]

    Variants are to be compared by this, not by their price per token.

    >>> round(escalated_cost(2.50 / 2950, 1 - 0.042, 0.004), 6)
    0.001015
    """
    if not 0 <= pass_rate <= 1:
        raise ValueError(f"pass_rate must be a share, found {pass_rate}")
    return usd + (1.0 - pass_rate) * usd_escalated


def quantized_wins(
    usd_full: float, usd_quantized: float, pass_full: float, pass_quantized: float, escalated: float
) -> bool:
    """Whether a cheaper variant saves more than its extra failures cost.

    $c_f - c_q > (q_f - q_q)\\, c_e$.

    >>> quantized_wins(0.0010, 0.0007, 0.95, 0.94, escalated=0.004)
    True
    """
    return usd_full - usd_quantized > (pass_full - pass_quantized) * escalated
