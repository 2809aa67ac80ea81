"""English told from other languages, without a dictionary."""

import pytest

from annotation.language import english

ENGLISH = [
    "A thin, slanting scratch lies in the upper left, shallow and darker than the surface around it.",
    "Two pits.",
    "",
    "Shallow, elongated groove near the right edge.",
    "Long narrow crack spanning roughly half of the plate, brighter than its surroundings.",
    "A 3 mm x 0.2 mm scratch à la main.",
    "Mark 17.",
]
OTHER = [
    "Ein dünner, schräger Kratzer liegt oben links auf der Oberfläche und ist dunkler.",
    "Une fine rayure se trouve dans le coin supérieur gauche de la surface.",
    "Un rasguño fino y poco profundo en la parte superior izquierda de la superficie.",
    "左上方有一条细长的划痕,比周围表面更暗。",
    "Тонкая царапина в левом верхнем углу, темнее поверхности.",
    "左上に細い傷があります。",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_english(text: str) -> None:
    assert english(text)


@pytest.mark.parametrize("text", OTHER)
def test_other_languages(text: str) -> None:
    assert not english(text)
