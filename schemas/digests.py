"""One text, and one hash, for equal values: what ids and fingerprints are made of."""

import dataclasses
import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """One JSON text for equal values, whatever the order of keys: what hashes are taken of."""

    def plain(v: Any) -> Any:
        if dataclasses.is_dataclass(v) and not isinstance(v, type):
            return dataclasses.asdict(v)
        if hasattr(v, "model_dump"):
            return v.model_dump(mode="json")
        raise TypeError(f"{type(v).__name__} has no canonical form")

    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain, ensure_ascii=True)


def digest(*parts: Any, length: int = 16) -> str:
    """Hex SHA-256 over the canonical form of `parts`, cut to `length` characters."""
    return hashlib.sha256(canonical(parts).encode()).hexdigest()[:length]
