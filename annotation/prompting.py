"""The words that models are asked with: ours (`prompts/`), or a recipe's own in their place."""

from functools import cache
from importlib import resources
from pathlib import Path

from annotation.coverage import DIMENSIONS
from schemas.digests import digest
from schemas.errors import CallError

PROMPTS = ("system", "open", "clean", "mend", "side", *DIMENSIONS)
"""Those that samples are described with, which a recipe may have of its own."""
FILLED_IN = ("object", "defect", "side", "text", "wrong")
"""What stands for words of the sample in one of them, in braces."""


@cache
def prompt(name: str, folder: str = "") -> str:
    """A prompt by name: the one of `folder` if there is one, else ours."""
    own = Path(folder, f"{name}.txt")
    if folder and own.exists():
        return own.read_text(encoding="utf-8").strip()
    return resources.files("annotation").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8").strip()


def prompts_digest(folder: str = "") -> str:
    """Changes when any of PROMPTS does. Raises CallError for a folder of prompts that cannot be used."""
    if folder:
        _demand_usable(Path(folder))
    return digest([prompt(name, folder) for name in PROMPTS])


def _demand_usable(folder: Path) -> None:
    names = sorted(p.stem for p in folder.glob("*.txt"))
    if not names:
        raise CallError(f"caption.prompts: {folder}: holds no prompt; put files like open.txt there")
    for name in names:
        if name not in PROMPTS:
            raise CallError(f"caption.prompts: {folder / name}.txt: is no prompt; there are {', '.join(PROMPTS)}")
        try:
            prompt(name, str(folder)).format(**dict.fromkeys(FILLED_IN, ""))
        except (KeyError, IndexError, ValueError, AttributeError, OSError) as e:
            raise CallError(
                f"caption.prompts: {folder / name}.txt: cannot be filled in ({type(e).__name__}: {e}); braces are for "
                f"{', '.join(FILLED_IN)}, and are doubled otherwise"
            ) from None
