"""How sure a sample makes us of its lot: exact confidence intervals and acceptance-sampling plans.

A lot is finite and a sample is drawn from it without putting anything back, so errors in the sample are
hypergeometric. The binomial is the limit of very large lots and stands in where the lot's size is not known.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from scipy import stats

from schemas.errors import CallError


@dataclass(frozen=True)
class Plan:
    """Judge `size` samples of a lot and accept it with at most `allowed` errors among them."""

    size: int
    allowed: int
    """-1 where no sample of this size can be good enough."""
    producer_risk: float
    """How often a lot with just the `good` share of errors fails."""
    consumer_risk: float
    """How often a lot with just the `bad` share of errors passes."""


def interval(errors: int, size: int, lot: int | None = None, confidence: float = 0.95) -> tuple[float, float]:
    """Exact confidence interval of the share of errors in the lot, in [0, 1].

    Clopper & Pearson (Biometrika 26, 1934): both one-sided tests are inverted, so it covers the truth at least as
    often as it says whatever the truth is. Wilson's is shorter but covers less at shares near 0, which is
    just where a quality round works. With `lot`, the same inversion of the hypergeometric: never longer, and of
    no length when the whole lot was judged.
    """
    if not 0 <= errors <= size or (lot is not None and lot < size):
        raise CallError(
            f"{errors} errors in {size} of {lot or 'many'}: the first cannot exceed the second, nor it the lot"
        )
    if not size:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    if lot is None:
        low = float(stats.beta.ppf(tail, errors, size - errors + 1)) if errors else 0.0
        high = float(stats.beta.ppf(1 - tail, errors + 1, size - errors)) if errors < size else 1.0
        return low, high
    fewest, most = errors, lot - (size - errors)
    low_count = _first(lambda bad: stats.hypergeom.sf(errors - 1, lot, bad, size) > tail, fewest, most)
    too_many = _first(lambda bad: stats.hypergeom.cdf(errors, lot, bad, size) <= tail, fewest, most + 1)
    return low_count / lot, (too_many - 1) / lot


def wilson(mean: float, size: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a mean of `size` values in [0, 1].

    For means that are no counts, like IoUs: values in [0, 1] vary at most as much as zeros and ones of the same
    mean do, so the interval is never too short for them.
    """
    if not size:
        return 0.0, 1.0
    z = float(stats.norm.ppf((1 + confidence) / 2))
    middle = (mean + z * z / (2 * size)) / (1 + z * z / size)
    reach = z * math.sqrt(mean * (1 - mean) / size + z * z / (4 * size * size)) / (1 + z * z / size)
    return max(0.0, min(mean, middle - reach)), min(1.0, max(mean, middle + reach))


def passing(size: int, allowed: int, lot: int | None, share: float, worst: bool = True) -> float:
    """The operating characteristic: how often a lot with this share of errors passes, in [0, 1].

    A share that is no whole number of a finite lot is rounded up, or down if not `worst`.
    """
    if lot is None:
        return float(stats.binom.cdf(allowed, size, share))
    return float(stats.hypergeom.cdf(allowed, lot, _count(lot, share, worst), size))


def plan(
    lot: int | None, good: float, bad: float, producer_risk: float = 0.05, consumer_risk: float = 0.10
) -> Plan:  # fmt: skip
    """The single-sampling plan with the smallest sample that keeps both risks (ISO 2859-2; Guenther 1969).

    For each number of allowed errors the smallest sample that meets the consumer's risk is the one that is best
    for the producer, so the first number that also meets the producer's risk gives the smallest sample. A finite
    lot always has a plan: all of it. Raises CallError when `good` is not below `bad`, or the lot is empty.
    """
    if not good < bad or lot == 0:
        raise CallError(f"a plan for {lot} samples, good at {good} and bad at {bad} errors: give a lot, and good < bad")
    size = allowed = 0
    while True:
        size = smallest(lot, allowed, bad, consumer_risk, max(size, allowed + 1))
        if 1 - passing(size, allowed, lot, good, worst=False) <= producer_risk:
            return described(lot, size, allowed, good, bad)
        allowed += 1


def smallest(lot: int | None, allowed: int, bad: float, consumer_risk: float, start: int = 1) -> int:
    """The smallest sample that lets a bad lot pass with `allowed` errors at most as often as the consumer's risk."""
    met: Callable[[int], bool] = lambda size: passing(size, allowed, lot, bad) <= consumer_risk  # noqa: E731
    most = lot
    if most is None:
        most = max(start, 2)
        while not met(most):
            most *= 2
    return _first(met, min(start, most), most)


def most_allowed(lot: int | None, size: int, bad: float, consumer_risk: float) -> int:
    """The most errors in a sample of this size that keep the consumer's risk; -1 where even none is too many."""
    return _first(lambda errors: passing(size, errors, lot, bad) > consumer_risk, 0, size) - 1


def described(lot: int | None, size: int, allowed: int, good: float, bad: float) -> Plan:
    """A plan with the risks that it has."""
    if allowed < 0:
        return Plan(size, allowed, 1.0, 0.0)
    return Plan(size, allowed, 1 - passing(size, allowed, lot, good, False), passing(size, allowed, lot, bad))


def above(size: int, min_accuracy: float) -> int:
    """The most errors with which the accuracy of `size` samples is still more than `min_accuracy`; -1 for none."""
    limit = size * (1 - Fraction(str(min_accuracy)))
    return math.ceil(limit) - 1


def _count(lot: int, share: float, up: bool) -> int:
    exact = lot * Fraction(str(share))
    return min(lot, math.ceil(exact) if up else math.floor(exact))


def _first(true: Callable[[int], bool], low: int, high: int) -> int:
    """The first of low..high for which a condition that stays true once it is holds; `high` if there is no other."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if true(middle) else (middle + 1, high)
    return low
