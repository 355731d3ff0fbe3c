"""Prefect's own database on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.delivery.world import rows_of
from tests.flows import postgresql
from tests.flows.operations import operated, until
from tests.flows.test_operations import asked
from tests.flows.world import CONTACTS, opted_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.flows.operations import Operations


@pytest.fixture
def database() -> Iterator[str]:
    """An empty database."""
    found = postgresql.programs()
    if found is None:
        pytest.skip("no PostgreSQL with pg_trgm on this machine")
    with postgresql.started(found) as url:
        yield url


def test_runs_approvals_and_drains_work_on_postgresql(
    tmp_path: Path, database: str, prefect_database: Path, operations: Operations
) -> None:
    """A run is sent, one waits and is approved, the drain ends; Prefect keeps it there."""
    url = database.replace("postgresql://", "postgresql+asyncpg://")
    settings = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}
    with operated(tmp_path, operations.sandbox, prefect_database, **settings) as mine:
        world = mine.world(tmp_path)
        world.seed(opted_in())
        run = mine.start("operator", mode="sync", **asked(world, rows_of(3, email_opt_in="N")))
        assert mine.ended(run)[0] == "Completed", mine.state(run)
        waits = mine.start(
            "operator", mode="sync", **asked(world, rows_of(CONTACTS, email_opt_in="N"), "max_opt_outs: 5")
        )
        assert mine.ended(waits)[0] == "Suspended", mine.state(waits)
        mine.answer(waits, decision="approve", plan=mine.form(waits)["properties"]["plan"]["default"])
        until(lambda: mine.run(waits)["state_type"] != "PAUSED", "the run to go on")
        assert mine.ended(waits)[0] == "Completed", mine.state(waits)
        assert mine.command("reap").returncode == 0
        drained = mine.command("drain")
        assert (drained.returncode, drained.stdout.splitlines()[-1].startswith("drained")) == (0, True), drained.stderr
    assert len(world.applied()) == CONTACTS
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        states = connection.execute(sa.text("select state_type::text from flow_run")).scalars().all()
    engine.dispose()
    assert states == ["COMPLETED", "COMPLETED"]
