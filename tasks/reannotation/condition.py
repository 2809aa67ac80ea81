"""Choosing samples by a condition in SQL: of one table, and nothing but a condition.

The text is parsed before it is run. What is no expression over the table's columns (a statement, a subquery, anything
that could name a file) is refused, and the connection can reach nothing outside of its memory when it runs.
"""

import difflib
import json
from collections.abc import Iterator
from typing import Any

import duckdb

from schemas.errors import CallError
from tasks.reannotation.columns import COLUMNS, TABLE

PLAIN: dict[str, Any] = {
    "modifiers": [], "group_expressions": [], "group_sets": [], "having": None, "sample": None, "qualify": None,
}  # fmt: skip
"""What a SELECT that only has a condition holds of everything else."""
REFUSED = ("SUBQUERY", "WINDOW", "LAMBDA", "STAR", "PARAMETER", "DEFAULT")


def query(where: str) -> str:
    # On lines of their own, so that a comment at the end of the condition ends there.
    return f"SELECT id FROM {TABLE} WHERE (\n{where}\n)"  # noqa: S608 - parsed by `mentioned` before it is run


def mentioned(where: str) -> set[str]:
    """The columns that a condition speaks of.

    Raises CallError for text that is no condition, and for a column that there is not, with the nearest name.
    """
    with duckdb.connect() as con:
        said = con.execute("SELECT json_serialize_sql(?)", [query(where)]).fetchall()[0][0]
    parsed = json.loads(said)
    if parsed["error"]:
        raise CallError(f"--where {where}: is no SQL condition ({_line(parsed['error_message'])}); write it as {LIKE}")
    node = parsed["statements"][0]["node"] if len(parsed["statements"]) == 1 else {}
    alone = node.get("type") == "SELECT_NODE" and all(node[key] == value for key, value in PLAIN.items())
    if not alone or node["cte_map"]["map"] or node["from_table"]["type"] != "BASE_TABLE":
        raise CallError(f"--where {where}: is more than a condition; write it as {LIKE}")
    names = set()
    for part in _parts(node["where_clause"]):
        if part.get("class") in REFUSED:
            what = part["class"].lower()
            raise CallError(f"--where {where}: a {what} is not allowed; write a condition like {LIKE}")
        if part.get("class") == "COLUMN_REF":
            names.add(part["column_names"][-1].lower())
    for name in sorted(names - set(COLUMNS)):
        near = difflib.get_close_matches(name, COLUMNS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(COLUMNS)}"
        raise CallError(f"--where {where}: there is no column `{name}`; {hint}")
    return names


LIKE = "`contradicted > 0 AND class = 'crack'`"


def chosen(con: duckdb.DuckDBPyConnection, where: str) -> list[str]:
    """Ids of the samples for which a condition holds, sorted. The connection can open nothing afterwards.

    Raises CallError for a condition that cannot be evaluated.
    """
    mentioned(where)
    con.execute("SET enable_external_access = false")
    con.execute("SET autoinstall_known_extensions = false")
    con.execute("SET memory_limit = '4GB'")
    con.execute("SET lock_configuration = true")
    try:
        return sorted(id_ for (id_,) in con.execute(query(where)).fetchall())
    except duckdb.Error as e:
        raise CallError(f"--where {where}: {_line(str(e))}; write it as {LIKE}") from None


def _line(message: str) -> str:
    """The first line of a message of DuckDB, without the kind of error that it names."""
    first = message.strip().splitlines()[0]
    return first.partition(" Error: ")[2] or first


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _parts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _parts(value)
