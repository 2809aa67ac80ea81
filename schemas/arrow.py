"""Arrow schemas of the row classes, and rows to and from Arrow: the dataclass is the single source."""

import dataclasses
import types
import typing
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Annotated, Any, TypeVar

import pyarrow as pa

from schemas.rows import SCHEMA_VERSION, TABLE_OF

_ARROW = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def _arrow_type(hint: Any) -> pa.DataType:
    if typing.get_origin(hint) is Annotated:
        return hint.__metadata__[0]
    if hint in _ARROW:
        return _ARROW[hint]
    if dataclasses.is_dataclass(hint):
        return pa.struct(list(_fields(typing.cast(type, hint))))
    if typing.get_origin(hint) is list:
        return pa.list_(_arrow_type(typing.get_args(hint)[0]))
    raise TypeError(f"no Arrow type for {hint}")


def _fields(row: type) -> Iterator[pa.Field]:
    hints = typing.get_type_hints(row, include_extras=True)
    for f in dataclasses.fields(row):
        hint = hints[f.name]
        nullable = typing.get_origin(hint) in (typing.Union, types.UnionType)
        if nullable:
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        yield pa.field(f.name, _arrow_type(hint), nullable=nullable)


def arrow_schema(row: type) -> pa.Schema:
    """The Arrow schema of a row class, with the table's name and schema version in its metadata."""
    meta = {"defectory.table": TABLE_OF.get(row, row.__name__.lower()), "defectory.schema_version": str(SCHEMA_VERSION)}
    return pa.schema(list(_fields(row)), metadata=meta)


def to_arrow(row: type, rows: Iterable[Any]) -> pa.Table:
    """Rows of one class as an Arrow table with exactly that class's schema."""
    return pa.Table.from_pylist([dataclasses.asdict(r) for r in rows], schema=arrow_schema(row))


R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class _Shape:
    """A row class as reading it needs to know it."""

    names: frozenset[str]
    filled: frozenset[str]
    """Fields that have a default other than None."""
    nested: dict[str, tuple[type, bool]]
    """Fields that hold rows, with their class, and whether they hold many."""


@cache
def _shape(row: type) -> _Shape:
    fields = dataclasses.fields(typing.cast(Any, row))
    filled = {
        f.name for f in fields
        if f.default not in (None, dataclasses.MISSING) or f.default_factory is not dataclasses.MISSING
    }  # fmt: skip
    nested = {}
    for name, hint in typing.get_type_hints(row).items():
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        many = typing.get_origin(hint) is list
        inner = typing.get_args(hint)[0] if many else hint
        if dataclasses.is_dataclass(inner):
            nested[name] = (typing.cast(type, inner), many)
    return _Shape(frozenset(f.name for f in fields), frozenset(filled), nested)


def from_dict(row: type[R], values: dict[str, Any]) -> R:
    """The inverse of `dataclasses.asdict`, nested rows included; a null in a column that takes none is its default."""
    shape = _shape(typing.cast(Any, row))
    given = {k: v for k, v in values.items() if k in shape.names and (v is not None or k not in shape.filled)}
    for name, (inner, many) in shape.nested.items():
        if value := given.get(name):
            given[name] = [from_dict(inner, v) for v in value] if many else from_dict(inner, value)
    return row(**given)
