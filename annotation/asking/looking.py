"""Looking up what would be asked: nobody is asked, and nothing is written."""

from dataclasses import dataclass

import numpy as np

from annotation.asking.ask import Paid, follows
from annotation.asking.ledger import Ledger
from annotation.models.prices import Price
from annotation.models.providers import ADDRESSES, SECOND, Named, Request
from schemas.captions import Caption


class Unanswered(Exception):
    """The ledger has no answer to what was asked."""


@dataclass
class Addressee:
    """A provider by name and address; asking it takes a key."""

    name: str
    where: str
    wants: str = "image"


def addressee(want: Caption) -> Addressee:
    return Addressee(want.provider, want.base_url or ADDRESSES[want.provider])


@dataclass
class Look:
    """Stands in for an asker, and counts."""

    provider: Named
    ledger: Ledger
    price: Price
    answered: int = 0
    missing: int = 0
    again: int = 0
    """Missing ones among those that are asked once more, which are in neither of the other two."""
    paid: int = 0
    """Nano-dollars that the answers cost when they were bought."""

    async def ask(self, request: Request, rng: np.random.Generator) -> Paid:
        """The answer that the ledger has, unless it would be asked for anew. Raises Unanswered."""
        known = self.ledger.answer(request.key(self.provider.name, self.provider.where))
        if known is None or not follows(request, known.answer):
            if request.candidate < SECOND:
                self.missing += 1
            else:
                self.again += 1
            raise Unanswered
        self.answered += request.candidate < SECOND
        self.paid += known.cost
        return Paid(known.answer, known.cost)

    def left(self, most: int) -> int:
        """Requests still to ask, at most, about what takes `most` but for those that are asked once more."""
        return max(most - self.answered, self.missing) + self.again
