"""Names and sentences of others, fit for tables and terminals."""


def legible(text: str) -> str:
    """One line of what can be seen. Control characters and the bytes of file names in another encoding stand as
    escapes (`\\x1b`, `\\udcc8`), so that what is told apart stays so; any kind of space is a blank."""
    return "".join(c if c.isprintable() else " " if c.isspace() else c.encode("unicode_escape").decode() for c in text)
