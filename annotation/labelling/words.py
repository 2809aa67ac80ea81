"""Text on its way to reviewers and back: always data, never markup, a variable or an address."""

from collections.abc import Iterable
from html import escape

JOINER = "\u2060"
"""A word joiner: it is not seen, and an address that holds one is none."""


def shown(text: str) -> str:
    """`text` as a task's data carry it: one line, and nothing that a server would take for an address to sign.

    Label Studio looks for addresses of its storages (`s3://…`) in every field of a task, and puts signed ones there.
    """
    return tidy(text).replace("://", f":{JOINER}//")


def said(text: str) -> str:
    """What a person wrote, or left as it was shown: the inverse of `shown`."""
    return tidy(text.replace(JOINER, ""))


def tidy(text: str) -> str:
    """One line without control characters: what people type becomes a table's cell and a tar member's text."""
    return " ".join((text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)).split())


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Rows of (class, heading, text) as an HTML table. Headings and texts are escaped; the classes are ours."""
    cells = (
        f'<tr class="{escape(kind)}"><th>{escape(shown(head))}</th><td>{escape(shown(text))}</td></tr>'
        for kind, head, text in rows
    )
    return f"<table>{''.join(cells)}</table>"
