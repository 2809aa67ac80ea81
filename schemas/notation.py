"""YAML as people write it: whatever its parser stumbles over is one kind of error."""

from typing import Any

import yaml


def parsed(text: str) -> Any:
    """The value of a YAML text. Raises yaml.YAMLError, also where the parser itself lets others out: for a date that is
    none (2024-02-30), and for brackets in brackets without end."""
    try:
        return yaml.safe_load(text)
    except (ValueError, RecursionError) as e:
        raise yaml.YAMLError(str(e)) from None
