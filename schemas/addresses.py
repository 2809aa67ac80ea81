"""Addresses of servers as recipes may name them: a recipe is kept and shown, so no secret belongs into one."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

REFUSED = "address"
"""The type of the error: what was given is not repeated with it."""
_NAMED = re.compile(r"([?&;#][\w.-]*(?:key|token|secret|passw|pwd|auth|cred|sig)[\w.-]*=)[^&;#\s'\"]+", re.I)


def secretive(text: str) -> bool:
    """Whether an address holds a user, a password or a key, or something that may be one."""
    authority = re.split(r"[/?#]", text.partition("//")[2] if "://" in text[:12] else text)[0]
    try:
        _ = urlsplit(text).port
    except ValueError:  # an unescaped password looks like this
        return True
    return "@" in authority or _NAMED.search(text) is not None


def anonymous(text: str) -> str:
    """`text` with its addresses freed of user and password."""
    return re.sub(r"//[^/?#\s]*@", "//", text)


def masked(text: str) -> str:
    """`text` fit to be shown: its addresses freed of users, passwords and keys."""
    return _NAMED.sub(r"\1***", anonymous(text))


def _plain(text: str) -> str:
    if secretive(text):
        raise PydanticCustomError(
            REFUSED,
            "holds a user, a password or a key, but a recipe is kept and shown; take it out: the keys of models are "
            "read from OPENAI_API_KEY and GEMINI_API_KEY in the environment",
        )
    return text


Address = Annotated[str, AfterValidator(_plain)]
"""An address without secrets."""
