"""The statements of a ledger, made once: to build one takes longer than to carry it out."""

import dataclasses

import sqlalchemy as sa

from annotation.asking.tables import requests, totals
from annotation.models.providers import Answer

ROW = sa.select(requests).where(requests.c.key == sa.bindparam("of"))
ANSWER = sa.select(*(requests.c[f.name] for f in dataclasses.fields(Answer)), requests.c.spent).where(
    requests.c.key == sa.bindparam("of"), requests.c.status == "answered"
)
TOTALS = sa.select(totals.c.committed, totals.c.tokens)
INSERT = requests.insert()
UPDATE = requests.update().where(requests.c.key == sa.bindparam("of"))
"""What it sets are the values that it is given."""
LOSE = UPDATE.values(
    lost=requests.c.lost + sa.bindparam("nanos"), lost_tokens=requests.c.lost_tokens + sa.bindparam("counted")
)
COMMIT = totals.update().values(
    committed=totals.c.committed + sa.bindparam("nanos"), tokens=totals.c.tokens + sa.bindparam("counted")
)
