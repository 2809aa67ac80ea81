"""The tables of a ledger: a row per request, one of totals, a row per batch."""

import sqlalchemy as sa

META = sa.MetaData()
requests = sa.Table(
    "requests",
    META,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("candidate", sa.Integer, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),  # reserved | answered | released
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("reserved_at", sa.Float, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False),  # money in nano-dollars
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("finish", sa.String),
    sa.Column("version", sa.String),
    sa.Column("tokens_in", sa.Integer),
    sa.Column("tokens_out", sa.Integer),
    sa.Column("note", sa.Text),  # why the last try failed
    sa.Column("reserved_tokens", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lost_tokens", sa.BigInteger, nullable=False, server_default="0"),
)
totals = sa.Table(
    "totals",
    META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("committed", sa.BigInteger, nullable=False),  # reserved + spent + lost of all requests
    sa.Column("tokens", sa.BigInteger, nullable=False, server_default="0"),  # the same, in tokens
)
batches = sa.Table(
    "batches",
    META,
    sa.Column("name", sa.String(64), primary_key=True),  # ours; the provider is told it, so that it can be found there
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("place", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),  # filling | sending | sent | done
    sa.Column("remote", sa.String),  # the provider's name for it, once it is sent
    sa.Column("owner", sa.String, nullable=False),  # who fills, sends or waits for it
    sa.Column("touched_at", sa.Float, nullable=False),
    sa.Column("size", sa.Integer),  # requests in it, once it is sent
    sa.Column("sent_at", sa.Float),
    sa.Column("state", sa.String),  # the provider's word for it when it was last seen there
    sa.Column("done", sa.Integer),  # requests that had ended then, where the provider says
    sa.Column("seen_at", sa.Float),
)
BATCH = "batch "
"""Before the name of a batch, in place of the owner of a request."""
