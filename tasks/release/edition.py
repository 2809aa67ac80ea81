"""What one release says of itself besides its rows: names, version, licence and how it was made."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from schemas.recipe import Recipe

DRAFT = "-draft"
TEMPLATES = Path(__file__).parent / "templates"
SECTIONS = {
    "clip": ("plan", "render", "visibility", "keyframes", "dedup", "caption", "review", "split"),
    "image": ("images", "caption", "review", "split"),
}
"""What is said of how the samples were made, by their kind."""
UNSAID = {
    "render": {"device", "blender", "frames_per_process", "stall_seconds"},
    "caption": {
        "base_url", "budget_usd", "budget_tokens", "batch", "concurrent", "requests_per_minute", "tokens_per_minute",
        "timeout_s",
    },
}  # fmt: skip
"""Settings that say where something ran and not what came out, or that are nobody's business."""


@dataclass(frozen=True)
class Edition:
    dataset: str
    version: str
    """X.Y.Z, with `-draft` behind it as long as the review has not passed."""
    licence: str
    """SPDX identifier."""
    description: str
    protocol: str
    """The split protocol that the shards follow."""
    seed: int
    settings: dict[str, dict[str, Any]]
    review: str
    """Where the review stands, in one sentence."""
    left_out: dict[str, int]
    """Samples that are not in the release, by reason."""
    kind: str = "clip"
    """What a sample is: clip or image."""

    @property
    def draft(self) -> bool:
        return self.version.endswith(DRAFT)

    @property
    def name(self) -> str:
        return f"{self.dataset}-{self.version}"

    @property
    def licence_url(self) -> str:
        return f"https://spdx.org/licenses/{self.licence}.html"


def said(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """The settings that a release states. Files are named without their folder."""
    everything = recipe.model_dump(mode="json")
    settings = {
        section: {k: v for k, v in everything[section].items() if k not in UNSAID.get(section, set())}
        for section in SECTIONS[recipe.kind]
    }
    if recipe.kind == "clip":
        for drawn in ("materials", "environments"):
            settings["render"][drawn] = [spec["name"] for spec in settings["render"][drawn]]
        settings["keyframes"]["encoder"] = PurePath(settings["keyframes"]["encoder"]).name
    else:
        settings["images"]["taxonomy"] = PurePath(settings["images"]["taxonomy"]).name
        settings["images"]["encoder"] = PurePath(recipe.images.encoder).name
        settings["sources"] = {s.name: s.licence or "no licence stated" for s in recipe.sources}
    for name in ("encoder", "prompts"):
        settings["caption"][name] = PurePath(settings["caption"][name]).name
    return settings


def bytes_(count: float) -> str:
    """A size for people: 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(milliseconds: int) -> str:
    seconds = milliseconds / 1000
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def cell(value: Any) -> str:
    """Text from the data in a cell of a Markdown table: it can neither break the table nor carry markup."""
    return re.sub(r"[\\`*\[\]<>|#&]", lambda m: f"&#{ord(m[0])};", " ".join(str(value).split()))


def setting(value: Any) -> str:
    """A setting's value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {setting(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(setting(v) for v in value)
    return value if isinstance(value, str) else json.dumps(value)


@cache
def templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        bytes=bytes_,
        cell=cell,
        duration=duration,
        setting=setting,
        count=lambda n: f"{n:,}",
        words=lambda text: str(text).replace("_", " ").replace("-", " "),
    )
    return environment
