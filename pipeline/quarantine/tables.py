"""The ledger's tables of the quarantine. They name records of run folders, and hold no data of persons."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pipeline.ledger.tables import METADATA

QUARANTINE: Final = sa.Table(
    "quarantine",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("record", sa.BigInteger, primary_key=True),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("mapping", sa.String, nullable=False),
    sa.Column("home", sa.String, nullable=False),
    sa.Column("first_run", sa.String, nullable=False),
    sa.Column("first_record", sa.BigInteger, nullable=False),
    sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("closed_by", sa.String),
    sa.Column("closed_as", sa.String),
    sa.Index("quarantine_of_mapping", "destination", "account", "mapping"),
)
"""A record of a run that did not reach the destination; its row is in that run's folder, in the home that goes by this
name in the ledger. `first_*`: where and when it
failed first; `said_at`: when the export was read that it is of; `closed_*`: what took it up, and what it did."""
RETRIED: Final = sa.Table(
    "retried",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("records", sa.Integer, nullable=False),
)
"""How many of a run's records are not its export's own."""
