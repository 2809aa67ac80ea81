"""Agreement of people: worked examples from the literature, bounds, and what a careless annotator looks like."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.agreement.chance import alpha, kappa
from annotation.agreement.likeness import likeness
from annotation.agreement.people import Agreement, answers, measure
from schemas.errors import CallError
from schemas.rows import Annotation, Interval, Region, annotation


def said(sample: str, author: str, label: str | None = None, **values: object) -> Annotation:
    base = {"task": "match", "author_kind": "person", "author_version": "1", "status": "accepted", "round": 1}
    return annotation(**{**base, "sample": sample, "author": author, "label": label, **values})


def table(*columns: Iterable[str | None]) -> Iterator[Annotation]:
    """One column per annotator, one row per sample; None for no answer."""
    for n, row in enumerate(zip(*columns, strict=True)):
        for author, label in zip("abcdefgh", row, strict=False):
            if label is not None:
                yield said(f"s{n:03}", author, label)


def of(found: list[Agreement], slice_: str, name: str = "") -> Agreement:
    return next(a for a in found if (a.slice, a.name) == (slice_, name))


def coincidences(units: Iterable[list[str]]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = defaultdict(float)
    for unit in units:
        for i, a in enumerate(unit):
            for j, b in enumerate(unit):
                if i != j:
                    found[a, b] += 1 / (len(unit) - 1)
    return found


# --- worked examples ------------------------------------------------------------------------------

KRIPPENDORFF = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)


def test_krippendorffs_example_with_four_observers_and_missing_answers() -> None:
    """Krippendorff, Computing Krippendorff's alpha-reliability (2011), section C: nominal alpha 0.743."""
    rows = table(*([None if v is None else str(v) for v in column] for column in KRIPPENDORFF))
    found = measure(rows)
    assert of(found.agreements, "all").alpha == pytest.approx(0.743, abs=5e-4)
    assert of(found.agreements, "all").kappa is None  # four people are not two
    assert found.single == {"match": 1}


def test_krippendorffs_example_with_two_observers() -> None:
    """The same paper, section A: two observers, ten units, binary, alpha 0.095."""
    one, other = "0100000000", "1110010100"
    assert of(measure(table(one, other)).agreements, "all").alpha == pytest.approx(0.095, abs=5e-4)


def test_cohens_kappa_of_fifty_proposals() -> None:
    """The usual example: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no; 70 % agree where 50 % would by chance."""
    assert kappa(Counter({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15})) == pytest.approx(0.4)
    rows = table("y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15)
    whole = of(measure(rows).agreements, "all")
    assert (whole.kappa, whole.likeness, whole.samples) == (pytest.approx(0.4), pytest.approx(0.7), 50)


# --- bounds ---------------------------------------------------------------------------------------

units = st.lists(st.lists(st.sampled_from("xyz"), min_size=2, max_size=5), min_size=1, max_size=20)


@given(units)
def test_alpha_is_at_most_one_and_one_only_for_perfect_agreement(given_units: list[list[str]]) -> None:
    found = alpha(coincidences(given_units))
    if found is None:
        assert len({value for unit in given_units for value in unit}) == 1
    else:
        assert found <= 1 + 1e-12
        assert (found > 1 - 1e-12) == all(len(set(unit)) == 1 for unit in given_units)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=1, max_size=30))
def test_kappa_is_bounded_and_symmetric(pairs: list[tuple[str, str]]) -> None:
    found, turned = kappa(Counter(pairs)), kappa(Counter((b, a) for a, b in pairs))
    if found is None:
        assert len({v for pair in pairs for v in pair}) == 1
        return
    assert turned == pytest.approx(found)
    assert -1 - 1e-9 <= found <= 1 + 1e-9
    if all(a == b for a, b in pairs):
        assert found == pytest.approx(1.0)


@given(units)
def test_alpha_as_the_natural_language_toolkit_computes_it(given_units: list[list[str]]) -> None:
    agreement = pytest.importorskip("nltk.metrics.agreement")
    triples = [(str(c), str(u), value) for u, unit in enumerate(given_units) for c, value in enumerate(unit)]
    if len({value for _, _, value in triples}) > 1:
        assert alpha(coincidences(given_units)) == pytest.approx(agreement.AnnotationTask(triples).alpha())


def test_equal_answers_of_every_kind_are_fully_alike() -> None:
    box = Region("b", "box", "bolt", [1.0, 2.0, 3.0, 4.0])
    for value in (
        {"label": "yes"}, {"choices": ["fire", "leak"]}, {"intervals": [Interval(2, 8)]}, {"intervals": []},
        {"regions": [box]}, {"text": "A crack."}, {"status": "rejected"},
    ):  # fmt: skip
        one, other = (said("s", author, **value) for author in "ab")
        assert likeness(one, other) == 1.0, value
        refused = said("s", "b", status="rejected")
        assert likeness(one, refused) == likeness(refused, one) == float(value == {"status": "rejected"})


def test_a_class_counts_for_more_than_what_goes_with_it() -> None:
    """Whether image and class match: yes, no, or another class; two people who name different ones do not agree."""
    yes = said("s", "a", "crack", choices=["yes"], text="A long crack.")
    same, other, refused = (
        said("s", "b", label, choices=[c]) for label, c in (("crack", "other"), ("dent", "other"), (None, "no"))
    )
    assert [likeness(yes, b) for b in (same, other, refused)] == [1.0, 0.0, 0.0]
    assert likeness(refused, said("s", "c", choices=["no"])) == 1.0
    found = measure([yes, refused]).agreements
    assert {a.name for a in found if a.slice == "class"} == {"crack", "no"}
    levels = [
        said("s", who, "II", task="safety_level", choices=list(hazards)) for who, hazards in (("a", "xy"), ("b", "x"))
    ]
    assert likeness(*levels) == 1.0


def test_texts_are_as_alike_as_their_sentences() -> None:
    def encode(texts: list[str]) -> np.ndarray:
        turns = {"a crack": 0.0, "a long crack": 0.5, "a dent": np.pi}
        return np.array([[np.cos(turns[t]), np.sin(turns[t])] for t in texts])

    one, near, far = (said("s", "a", text=t) for t in ("a crack", "a long crack", "a dent"))
    assert likeness(one, near, encode) == pytest.approx(np.cos(0.5), abs=1e-4)
    assert likeness(one, far, encode) == 0.0  # opposite directions have nothing in common
    assert likeness(one, near) == 0.0  # without an encoder only equal texts are alike


# --- who says what --------------------------------------------------------------------------------


def test_one_careless_annotator_of_three_shows() -> None:
    rng = np.random.default_rng(3)
    truth = rng.choice(list("xyz"), 300)
    careful = [np.where(rng.random(300) < 0.05, rng.choice(list("xyz"), 300), truth) for _ in range(2)]
    found = measure(table(*careful, rng.choice(list("xyz"), 300))).agreements
    good, bad = of(found, "pair", "a & b"), [of(found, "pair", f"{who} & c") for who in "ab"]
    assert good.kappa is not None and good.kappa > 0.85
    assert all(p.kappa is not None and abs(p.kappa) < 0.15 for p in bad)
    carefully, carelessly = [of(found, "annotator", who) for who in "ab"], of(found, "annotator", "c")
    assert all(a.low > carelessly.high for a in carefully)
    assert carelessly.alpha is not None and abs(carelessly.alpha) < 0.1
    assert all(a.alpha is not None and a.alpha > 0.4 for a in carefully)


def test_a_class_that_people_confuse_shows() -> None:
    """x and y are taken for each other; z never is."""
    found = measure(table("xxxxyyyyzzzz" * 5, "xyxyxyxyzzzz" * 5)).agreements
    assert of(found, "class", "z").alpha == 1.0
    assert all(abs(of(found, "class", name).alpha or 1.0) < 0.3 for name in "xy")


def test_batches_are_told_apart() -> None:
    rows = [said(f"s{n}", who, "x" if n < 5 or who == "a" else "y", batch="first" if n < 5 else "second")
            for n in range(9) for who in "ab"]  # fmt: skip
    found = measure(rows).agreements
    assert (of(found, "batch", "first").likeness, of(found, "batch", "second").likeness) == (1.0, 0.0)


def test_classes_of_regions_are_compared_where_both_marked_the_same() -> None:
    def marked(author: str, *labels: str) -> Annotation:
        regions = [Region(f"{author}{n}", "box", x, [20.0 * n, 0.0, 10.0, 10.0]) for n, x in enumerate(labels)]
        return said("s", author, task="box", regions=regions)

    found = measure([marked("a", "bolt", "valve", "belt"), marked("b", "bolt", "pipe")])
    whole = of(found.agreements, "all")
    assert whole.likeness == pytest.approx(2 * 1 / 5)  # one of five regions has a partner of its class
    assert {a.name for a in found.agreements if a.slice == "class"} == {"bolt", "valve", "pipe"}
    assert whole.measure == "IoU"
    nothing = measure([marked("a"), marked("b")]).agreements
    assert [(a.slice, a.likeness) for a in nothing if a.slice in ("all", "class")] == [("all", 1.0)]


def test_disagreements_are_named_with_their_answers() -> None:
    rows = [*table("xxy", "xyy")]
    (found,) = measure(rows, min_agreement=0.8).disagreements
    assert (found.sample, found.likeness) == ("s001", 0.0)
    assert set(found.answers) == {r.id for r in rows if r.sample == "s001"}
    assert not measure(table("xxx", "xxx")).disagreements


def test_a_persons_last_answer_counts_and_an_adjudication_does_not() -> None:
    machine = said("s", "model", "x", author_kind="model", status="candidate")
    first = said("s", "a", "x", supersedes=machine.id)
    second = said("s", "a", "y", supersedes=first.id)
    other = said("s", "b", "y", supersedes=machine.id)
    settled = said("s", "expert", "x", supersedes=other.id)
    for order in ([machine, first, second, other, settled], [settled, other, second, first, machine]):
        assert [a.id for a in answers(order)] == [second.id, other.id]


def test_rounds_are_not_compared_with_each_other() -> None:
    rows = [said("s", "a", "x"), said("s", "b", "y", round=2)]
    assert measure(rows) == measure(rows[::-1])
    assert (measure(rows).agreements, measure(rows).single) == ([], {"match": 2})


def test_of_texts_it_counts_whether_they_could_be_used() -> None:
    """Of ten samples, a rejects the first and b the first two."""
    usable, refused = {"text": "A crack."}, {"status": "rejected"}
    rows = [said(f"s{n}", who, task="caption", **(refused if n < bad else usable))
            for n in range(10) for who, bad in (("a", 1), ("b", 2))]  # fmt: skip
    found = measure(rows).agreements
    whole = of(found, "all")
    assert whole.likeness == pytest.approx(0.9) and whole.kappa == pytest.approx(0.6154, abs=1e-4)
    assert [a.name for a in found if a.slice == "class"] == ["(rejected)"]


def test_rows_that_are_not_sorted_are_refused() -> None:
    with pytest.raises(CallError, match="sorted by sample"):
        measure([said("s2", "a", "x"), said("s1", "a", "x")])
