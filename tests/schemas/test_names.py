"""Names as words."""

from schemas.names import spoken


def test_spoken() -> None:
    assert spoken("surface_scratch-deep") == "surface scratch deep"
    assert spoken("vase10") == "vase" and spoken("pump2") == "pump2"
