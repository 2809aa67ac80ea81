"""A small data set out of a large one: nested for growing shares, and even over objects and defects."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from schemas.digests import digest

T = TypeVar("T")


def sampled(items: Sequence[T], keys: Sequence[str], parts: Sequence[tuple[str, ...]], share: float) -> list[T]:
    """About `share` (0..1] of the items, one at least, in their order; all of them for 1.

    `parts` are what each item belongs to, such as its object and its defect. Items are taken one by one, each from
    the combination of parts that is furthest behind its share of the whole, so a smaller share is always a subset of
    a larger one; among equals, the hash of the key decides.
    """
    wanted = max(1, round(share * len(items)))
    if wanted >= len(items):
        return list(items)
    size = Counter(part for row in parts for part in _tagged(row))
    waiting: dict[tuple[str, ...], list[int]] = {}
    for index in sorted(range(len(items)), key=lambda i: digest("sample", keys[i])):
        waiting.setdefault(parts[index], []).append(index)
    stacks = {row: (_tagged(row), found[::-1]) for row, found in waiting.items()}
    taken: Counter[tuple[object, ...]] = Counter()
    chosen = []
    for count in range(1, wanted + 1):
        row = max(stacks, key=lambda r: sum(count * size[p] - len(items) * taken[p] for p in stacks[r][0]))
        tags, found = stacks[row]
        chosen.append(found.pop())
        taken.update(tags)
        if not found:
            del stacks[row]
    return [items[i] for i in sorted(chosen)]


def _tagged(row: tuple[str, ...]) -> list[tuple[object, ...]]:
    """Each part with its place in the row, and the row itself."""
    return [*enumerate(row), ("all", *row)]
