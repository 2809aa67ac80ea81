"""Confidence intervals and sampling plans, against published values and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.agreement.acceptance import above, described, interval, most_allowed, passing, plan, wilson
from schemas.errors import CallError


@pytest.mark.parametrize(
    ("errors", "size", "low", "high"),
    [(0, 10, 0.0, 0.3085), (1, 10, 0.0025, 0.4450), (5, 10, 0.1871, 0.8129), (0, 30, 0.0, 0.1157)],
)
def test_clopper_and_pearson_as_in_tables(errors: int, size: int, low: float, high: float) -> None:
    assert interval(errors, size) == pytest.approx((low, high), abs=6e-5)


def test_the_binomial_plan_of_the_r_package_accsamplingdesign() -> None:
    """Its introduction: 1 % good, 5 % bad, risks 5 % and 10 %."""
    found = plan(None, 0.01, 0.05, 0.05, 0.10)
    assert (found.size, found.allowed) == (132, 3)
    assert (found.producer_risk, found.consumer_risk) == pytest.approx((0.04425251, 0.0992283), abs=5e-8)


@pytest.mark.parametrize(
    ("size", "allowed", "good", "bad", "producer", "consumer"),
    [
        (80, 2, 0.0103, 0.0652, 0.05, 0.10),  # MIL-STD-105E (ISO 2859-1), table X-J, AQL 1.0: P95 and P10
        (68, 2, 0.01213, 0.089704, 0.05, 0.05),  # samplingplans.com, TP105
    ],
)
def test_operating_characteristics_as_published(
    size: int, allowed: int, good: float, bad: float, producer: float, consumer: float
) -> None:
    found = described(None, size, allowed, good, bad)
    assert (found.producer_risk, found.consumer_risk) == pytest.approx((producer, consumer), abs=5e-4)


def test_plans_for_a_lot_of_a_hundred() -> None:
    """Kenett & Zacks, Modern Industrial Statistics, table of plans for N = 100 with both risks 5 % and 1 % good."""
    bad = range(5, 33, 3)
    found = [plan(100, 0.01, b / 100, 0.05, 0.05) for b in bad]
    assert [p.size for p in found] == [65, 46, 36, 29, 24, 20, 18, 16, 14, 13]
    assert {p.allowed for p in found} == {1}


lots = st.integers(1, 400)
shares = st.sampled_from([0.0, 0.005, 0.01, 0.02, 0.05])


@given(lots, shares, st.sampled_from([0.06, 0.08, 0.15, 0.3]), st.sampled_from([0.01, 0.05, 0.2]))
def test_a_plan_keeps_both_risks_and_no_smaller_sample_does(lot: int, good: float, bad: float, risk: float) -> None:
    found = plan(lot, good, bad, risk, risk)
    assert found.size <= lot
    assert found.producer_risk <= risk and found.consumer_risk <= risk
    smaller = found.size - 1
    if smaller:
        allowed = most_allowed(lot, smaller, bad, risk)
        assert described(lot, smaller, allowed, good, bad).producer_risk > risk


@given(st.integers(1, 300), st.data())
def test_the_lot_is_in_its_interval_and_knowing_more_never_widens_it(lot: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, lot))
    errors = data.draw(st.integers(0, size))
    low, high = interval(errors, size, lot)
    assert 0 <= low <= errors / size <= high <= 1
    assert round(low * lot) >= errors and round(high * lot) <= lot - (size - errors)
    wide_low, wide_high = interval(errors, size)
    assert wide_low <= errors / size <= wide_high
    assert high - low <= wide_high - wide_low + 1 / lot
    if size == lot:
        assert low == high == errors / size


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Simulated: lots of 200 with 8 errors, 40 of them judged. Wilson would miss more often near 0."""
    rng = np.random.default_rng(1)
    seen = rng.hypergeometric(8, 192, 40, 4000)
    table = {int(e): interval(int(e), 40, 200) for e in np.unique(seen)}
    covered = np.mean([table[int(e)][0] <= 0.04 <= table[int(e)][1] for e in seen])
    assert covered >= 0.95 - 0.01


def test_simulated_lots_fail_and_pass_as_often_as_the_plan_says() -> None:
    rng = np.random.default_rng(2)
    found = plan(500, 0.01, 0.08)
    assert (found.size, found.allowed) == (63, 2)
    passed = {bad: np.mean(rng.hypergeometric(bad, 500 - bad, found.size, 20_000) <= found.allowed) for bad in (5, 40)}
    assert 1 - passed[5] == pytest.approx(found.producer_risk, abs=0.005)
    assert passed[40] == pytest.approx(found.consumer_risk, abs=0.01)


def test_a_worse_lot_passes_less_often() -> None:
    curve = [passing(63, 2, 500, share / 100) for share in range(0, 30)]
    assert curve[0] == 1.0 and curve == sorted(curve, reverse=True) and curve[-1] < 1e-6


@given(st.integers(1, 5000), st.integers(0, 100))
def test_above_is_the_most_errors_that_leave_more_than_the_wanted_accuracy(size: int, per_cent: int) -> None:
    allowed = above(size, per_cent / 100)
    assert 100 * (size - allowed) > per_cent * size
    assert 100 * (size - allowed - 1) <= per_cent * size


def test_five_errors_of_a_hundred_are_not_more_than_95_per_cent() -> None:
    assert above(100, 0.95) == 4


@given(st.floats(0, 1), st.integers(1, 10_000))
def test_wilson_holds_its_mean(mean: float, size: int) -> None:
    low, high = wilson(mean, size)
    assert 0 <= low <= mean <= high <= 1 and low < high


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(CallError, match="5 errors in 4"):
        interval(5, 4)
    with pytest.raises(CallError, match="good < bad"):
        plan(100, 0.1, 0.1)
    assert interval(0, 0) == (0.0, 1.0)
