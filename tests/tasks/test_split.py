"""Splits: each protocol keeps its promise, the wanted share, every stratum in both where there is enough of it."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.recipe import SplitSettings
from schemas.rows import Group, Sample
from tasks.components import components
from tasks.proof.rows import INDIVISIBLE
from tasks.split import PROMISES, PROTOCOLS, assign, stay_together


def sample(name: str, *groups: str) -> Sample:
    return Sample(
        id=name, kind="clip", dataset="d", media=[], groups=list(groups), shard="s", object="vase", instance=name,
        defect="none",
    )  # fmt: skip


def test_shared_groups_and_duplicates_chain_into_one() -> None:
    samples = [sample("a", "g1"), sample("b", "g1", "g2"), sample("c", "g3"), sample("d", "g4"), sample("e")]
    near = [Group("b", "near-b", "near-duplicate", 1.0), Group("c", "near-b", "near-duplicate", 1.0)]
    together = stay_together(samples, near)
    assert together["a"] == together["b"] == together["c"]
    assert len({together[x] for x in "ade"}) == 3


links = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20)


@given(links)
def test_components_agree_with_walking_the_graph(pairs: list[tuple[int, int]]) -> None:
    found = components(pairs)
    for a in found:
        reached, todo = {a}, [a]
        while todo:
            x = todo.pop()
            for p, q in pairs:
                for here, there in ((p, q), (q, p)):
                    if here == x and there not in reached:
                        reached.add(there)
                        todo.append(there)
        assert {b for b in found if found[b] == found[a]} == reached
        assert found[a] == min(reached)


strata = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(["hole", "bulge", "none"]), st.integers(1, 6), min_size=1).map(Counter),
    min_size=2,
    max_size=40,
)


@given(strata, st.floats(0.5, 0.9), st.integers(0, 99))
def test_every_component_goes_somewhere_and_the_share_is_met(
    parts: dict[str, Counter[str]], train: float, seed: int
) -> None:
    chosen = assign(parts, train, np.random.default_rng(seed))
    assert chosen == assign(dict(reversed(parts.items())), train, np.random.default_rng(seed)), "order changes nothing"
    assert chosen.keys() == parts.keys()
    assert set(chosen.values()) == {"train", "test"}
    sizes = {name: sum(c.values()) for name, c in parts.items()}
    got = sum(n for name, n in sizes.items() if chosen[name] == "train")
    slack = len({s for c in parts.values() for s in c}) * max(sizes.values())
    assert abs(got - train * sum(sizes.values())) <= slack


@pytest.mark.parametrize("seed", range(5))
def test_each_defect_keeps_its_share(seed: int) -> None:
    kinds = ["none"] * 30 + ["hole"] * 10 + ["bulge"] * 10
    chosen = assign({f"i{n}": Counter({k: 3}) for n, k in enumerate(kinds)}, 0.7, np.random.default_rng(seed))
    train = Counter(kinds[int(n[1:])] for n, s in chosen.items() if s == "train")
    assert train == {"none": 21, "hole": 7, "bulge": 7}


@given(st.lists(st.integers(1, 6), min_size=2, max_size=9), st.floats(0.5, 0.9), st.integers(0, 99))
def test_few_objects_of_each_defect_make_up_for_each_other(objects: list[int], train: float, seed: int) -> None:
    """Every defect's share can only be rounded, to whole objects; not all are rounded the same way."""
    orbit_of = {f"{kind}-{n}": f"defect{kind}" for kind, count in enumerate(objects) for n in range(count)}
    chosen = assign({name: Counter({kind: 3}) for name, kind in orbit_of.items()}, train, np.random.default_rng(seed))
    got = Counter(kind for name, kind in orbit_of.items() if chosen[name] == "train")
    assert all(abs(got[f"defect{kind}"] - train * count) < 1 for kind, count in enumerate(objects))
    assert abs(got.total() - train * sum(objects)) < 1


@pytest.mark.parametrize(("each", "train", "in_train"), [(1, 0.7, 5), (2, 0.7, 10), (2, 0.8, 11), (10, 0.7, 49)])
def test_seven_kinds_get_the_share_whatever_their_number(each: int, train: float, in_train: int) -> None:
    parts = {f"{kind}-{n}": Counter({f"defect{kind}": 3}) for kind in range(7) for n in range(each)}
    chosen = assign(parts, train, np.random.default_rng(0))
    assert Counter(chosen.values())["train"] == in_train


orbits = st.lists(st.tuples(st.sampled_from(["vase0", "vase1", "cup0"]), st.integers(1, 4)), min_size=2, max_size=12)
near = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5)


@settings(max_examples=25)
@given(orbits.filter(lambda o: len({c for c, _ in o}) > 1), near, st.integers(0, 9))
def test_every_protocol_keeps_its_promise(
    parts: list[tuple[str, int]], alike: list[tuple[int, int]], seed: int
) -> None:
    samples = [
        replace(sample(f"{n}-{clip}", f"g{n}"), object=category, object_group=category[:-1], instance=f"g{n}")
        for n, (category, clips) in enumerate(parts)
        for clip in range(clips)
    ]
    groups = [
        Group(samples[at % len(samples)].id, f"near-{n}", "near-duplicate", 1.0)
        for n, pair in enumerate(alike)
        for at in pair
    ]
    kept = {
        "grouped": [*((s.id, s.instance) for s in samples), *((g.sample, g.group) for g in groups)],
        "standard": [],
        "unseen": [(s.id, s.object) for s in samples],
    }
    for protocol, divide in PROTOCOLS.items():
        found = divide(samples, groups, SplitSettings(), np.random.default_rng(seed))
        assert found.keys() == {s.id for s in samples}
        assert {split for split, _ in found.values()} <= {"train", "test"}
        for by in (kept[protocol], [(s, name) for s, (_, name) in found.items()]):
            sides: dict[str, set[str]] = {}
            for sample_id, name in by:
                sides.setdefault(name, set()).add(found[sample_id][0])
            assert all(len(s) == 1 for s in sides.values())


def test_every_protocol_has_its_promise_and_its_proof() -> None:
    assert PROTOCOLS.keys() == PROMISES.keys() == INDIVISIBLE.keys() == set(SplitSettings().protocols)
