"""The built-in surfaces by name: those of objects, in the six groups of the paper (C.2), and those of floors."""

import clays
import fabrics
import floors
import leathers
import metals
import plastics
import woods
from nodes import Surface

MATERIALS: dict[str, Surface] = {
    "glossy-plastic": plastics.glossy,
    "matte-plastic": plastics.matte,
    "grained-plastic": plastics.grained,
    "speckled-plastic": plastics.speckled,
    "rubberised-plastic": plastics.rubberised,
    "canvas": fabrics.canvas,
    "denim": fabrics.denim,
    "felt": fabrics.felt,
    "knit": fabrics.knit,
    "tweed": fabrics.tweed,
    "terracotta": clays.terracotta,
    "stoneware": clays.stoneware,
    "porcelain": clays.porcelain,
    "raw-clay": clays.raw,
    "oak": woods.oak,
    "walnut": woods.walnut,
    "pine": woods.pine,
    "bamboo": woods.bamboo,
    "plywood": woods.plywood,
    "smooth-leather": leathers.smooth,
    "pebbled-leather": leathers.pebbled,
    "suede": leathers.suede,
    "worn-leather": leathers.worn,
    "brushed-steel": metals.brushed_steel,
    "cast-iron": metals.cast_iron,
    "brass": metals.brass,
    "copper": metals.copper,
    "anodised-aluminium": metals.anodised_aluminium,
}
FLOORS: dict[str, Surface] = {
    "asphalt": floors.asphalt,
    "concrete": floors.concrete,
    "epoxy": floors.epoxy,
    "marble": floors.marble,
    "planks": floors.planks,
    "rubber": floors.rubber,
    "steel": floors.steel,
    "tiles": floors.tiles,
}
