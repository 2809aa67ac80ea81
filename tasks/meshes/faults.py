"""Whose fault an error is: the file's, as long as nothing but its content is worked on."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from schemas.errors import BadInput

F = TypeVar("F", bound=Path | str)
P = ParamSpec("P")
R = TypeVar("R")

STUMBLES = (ArithmeticError, LookupError, ValueError, RuntimeError, MemoryError)
"""What parsers and numerical routines raise over content that nobody thought of. Other errors, such as a wrong type
or a name that is not there, are this program's own, whatever the file."""


def of_the_file(work: Callable[Concatenate[F, P], R]) -> Callable[Concatenate[F, P], R]:
    """`work`, whose first argument names a file, raises BadInput where that file cannot be opened or is stumbled over.

    It is for the way from a stranger's file to a sound shape, and ends there: what a shape is put through afterwards
    is not the file's fault.
    """

    @wraps(work)
    def blaming(file: F, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return work(file, *args, **kwargs)
        except OSError as e:
            why = e.strerror or type(e).__name__
            raise BadInput(f"{Path(file).name}: cannot be opened ({why}); check that it may be read") from e
        except STUMBLES as e:
            why = " ".join(f"{type(e).__name__}: {e}".split())[:120]
            raise BadInput(f"{Path(file).name}: cannot be used ({why}); export it again, or leave it out") from e

    return blaming
