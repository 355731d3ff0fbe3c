"""The tables of the ledger: a row per run, batch that was begun, request, link given, and chain of evidence."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pipeline.model import BatchState

METADATA: Final = sa.MetaData()
RUNS: Final = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("mapping", sa.String, nullable=False),
    sa.Column("export_sha256", sa.String, nullable=False),
    sa.Column("plan_hash", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("read", sa.Integer, nullable=False),
    sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
)
BATCHES: Final = sa.Table(
    "batches",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("shard", sa.Integer, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("expected", sa.Integer, nullable=False, default=0),
    sa.Column("reported", sa.Integer, nullable=False, default=0),
    sa.Column("exceptional", sa.Text, nullable=False, default="[]"),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
)
REQUESTS: Final = sa.Table(
    "requests",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("shard", sa.Integer),
    sa.Column("batch", sa.Integer),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
)

BEGUN: Final = sa.Table(
    "begun",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("work", sa.String, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
"""What a destination has begun and goes on with by itself, by the name that it gave."""
LINKS: Final = sa.Table(
    "links",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("record", sa.BigInteger, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
)

PERMITS: Final = sa.Table(
    "permits",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("extent", sa.String, nullable=False),
    sa.Column("approved_hash", sa.String),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
"""How much of a plan was let through, each time somebody asked for it, and the hash that they approved it by."""
CORRECTIONS: Final = sa.Table("corrections", METADATA, sa.Column("run_id", sa.String, primary_key=True))
"""Runs of a rejects file: how many records it has says nothing of the mapping's exports."""
EVIDENCE: Final = sa.Table(
    "evidence",
    METADATA,
    sa.Column("home", sa.String, primary_key=True),
    sa.Column("chain", sa.String, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("blocks", sa.Integer, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
    sa.Column("next_rows", sa.BigInteger),
    sa.Column("next_hash", sa.String),
)
"""Where a chain ends; `next_*`: the end that it has if the block whose writing was begun came to be."""

SETTLE: Final = (
    BATCHES.update()
    .where(
        BATCHES.c.run_id == sa.bindparam("of_run"),
        BATCHES.c.shard == sa.bindparam("of_shard"),
        BATCHES.c.batch == sa.bindparam("of_batch"),
    )
    .values(
        state=BatchState.SETTLED,
        attempts=BATCHES.c.attempts + sa.bindparam("made"),
        expected=sa.bindparam("expected"),
        reported=sa.bindparam("reported"),
        exceptional=sa.bindparam("exceptional"),
        settled_at=sa.bindparam("settled_at"),
    )
)
"""One statement for all batches of a turn: making it anew for each costs more than SQLite takes to carry it out."""
