"""The built-in names that recipes choose from and labels carry (MMVIAD, appendix C)."""

import re

DEFECT_TYPES = ("crack", "scratch", "concavity", "bulge", "broken", "hole")
"""The six structural defects (C.3)."""
SEVERITIES = ("slight", "moderate", "severe")

CATEGORIES: dict[str, tuple[str, ...]] = {
    group: tuple(f"{group}{n}" for n in numbers)
    for group, numbers in {
        "ashtray": (0,),
        "bottle": (0, 1, 3),
        "bowl": (0, 1, 2, 3, 4, 5),
        "bucket": (0, 1),
        "cabinet": (0,),
        "cap": (0, 1, 2, 3, 4, 5),
        "chair": (0,),
        "cup": (0, 1, 2),
        "desk": (0,),
        "eraser": (0,),
        "headset": (0, 1),
        "helmet": (0, 1, 2, 3),
        "jar": (0,),
        "microphone": (0, 1),
        "shelf": (0,),
        "tap": (0, 1),
        "vase": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
    }.items()
}
"""The 48 object categories in their 17 semantic groups (C.1, Table 6)."""
BUILTIN_OBJECTS = tuple(name for names in CATEGORIES.values() for name in names)
GROUP_OF = {name: group for group, names in CATEGORIES.items() for name in names}

MATERIALS: dict[str, tuple[str, ...]] = {
    "plastic": ("glossy-plastic", "matte-plastic", "grained-plastic", "speckled-plastic", "rubberised-plastic"),
    "fabric": ("canvas", "denim", "felt", "knit", "tweed"),
    "clay": ("terracotta", "stoneware", "porcelain", "raw-clay"),
    "wood": ("oak", "walnut", "pine", "bamboo", "plywood"),
    "leather": ("smooth-leather", "pebbled-leather", "suede", "worn-leather"),
    "metal": ("brushed-steel", "cast-iron", "brass", "copper", "anodised-aluminium"),
}
"""The 28 material subclasses in their six groups (C.2)."""
MATERIAL_GROUP_OF = {name: group for group, names in MATERIALS.items() for name in names}

SKIES = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")
"""The world HDRIs that come with Blender."""
FLOORS = ("asphalt", "concrete", "epoxy", "marble", "planks", "rubber", "steel", "tiles")

ENVIRONMENTS: dict[str, tuple[str, str]] = {
    f"{sky}-{floor}": (sky, floor)
    for sky, floor in (
        ("city", "asphalt"),
        ("city", "concrete"),
        ("courtyard", "concrete"),
        ("courtyard", "tiles"),
        ("forest", "planks"),
        ("forest", "rubber"),
        ("interior", "marble"),
        ("interior", "planks"),
        ("night", "steel"),
        ("studio", "epoxy"),
        ("studio", "rubber"),
        ("sunrise", "asphalt"),
        ("sunrise", "steel"),
        ("sunset", "tiles"),
    )
}
"""The 14 environments: an HDRI and a floor each."""

VIEWS = ("never", "briefly", "half", "always")
"""How much of a clip shows its defect: in no frame; in at most a third of the frames; in more; in all of them."""


def spoken(name: str) -> str:
    """A category as words: `surface_scratch` as "surface scratch", the built-in `vase10` as "vase"."""
    plain = name.rstrip("0123456789") if name in GROUP_OF else name
    return " ".join(re.sub(r"[_-]+", " ", plain).split())
