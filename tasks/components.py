"""Connected components by union and find: what must stay together, together."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def components(pairs: Iterable[tuple[T, T]]) -> dict[T, T]:
    """Each element's representative: the smallest element of its component (elements must be ordered)."""
    parent: dict[T, T] = {}

    def root(x: T) -> T:
        parent.setdefault(x, x)
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))  # type: ignore[type-var]
        parent[high] = low
    return {x: root(x) for x in parent}
