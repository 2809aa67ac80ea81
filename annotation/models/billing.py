"""How many tokens a picture is billed as: rules of the providers as numbers, from the price table."""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Billing:
    """Tokens = base + each * pieces of `tile` x `tile` pixels, of the picture as the model reduces it."""

    side: int
    """Longest side to send where nothing else is wanted, in pixels: more is billed and tells these models little about
    a surface."""
    tile: int
    base: float
    each: float
    within: int = 0
    """The model reduces the longer side to this, pixels; 0: it does not."""
    short: int = 0
    """The same of the shorter side."""
    most: int = 0
    """Pieces at most; 0 for no limit."""
    small: int = 0
    """A picture whose sides are at most this is one piece, and all of what is billed."""
    cut: float = 0.0
    """A piece is the shorter side divided by this, between 256 and `tile` pixels; 0: it is `tile`."""

    def tokens(self, width: int, height: int) -> int:
        if max(width, height) <= self.small:
            return ceil(self.each)
        scale = min(
            1.0,
            self.within / max(width, height) if self.within else 1.0,
            self.short / min(width, height) if self.short else 1.0,
        )
        w, h = width * scale, height * scale
        tile = min(self.tile, max(256, int(min(w, h) / self.cut))) if self.cut else self.tile
        pieces = ceil(round(w / tile, 6)) * ceil(round(h / tile, 6))
        return ceil(self.base + self.each * (min(pieces, self.most) if self.most else pieces))

    def at_most(self, side: int) -> int:
        """The most that a picture of at most `side` x `side` pixels is billed as, whatever its shape."""
        return max(self.tokens(side, short) for short in {*range(16, side, 16), side})
