"""How every benchmark ends: a table for people, one JSON line for scripts."""

import json
import platform
from typing import Any

from rich.console import Console

from flows.commands.output import table


def finish(name: str, ratio: float, rows: list[dict[str, Any]], **figures: Any) -> None:
    Console(width=140).print(table(f"{name}  ({platform.machine()}, Python {platform.python_version()})", rows))
    print(json.dumps({"name": name, "ratio": round(ratio, 4), **figures}))
