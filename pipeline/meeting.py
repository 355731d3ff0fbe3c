"""A destination that a mapping is about, met: a session, and the mapping bound to the audience as it is now."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.delivery.blaming import placing
from pipeline.pacing.book import desk_of
from pipeline.session import connect
from pipeline.subject import bound, destination_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.context import Context
    from pipeline.destinations.interface import Audience
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger
    from pipeline.mapping_file import MappingFile
    from pipeline.session import Session


@contextmanager
def met(file: MappingFile, context: Context, ledger: Ledger) -> Iterator[tuple[Session, Job, Audience]]:
    """The destination at the ledger's common pace. Its refusals are placed in the mapping."""
    destination, desk = destination_of(file, context.settings), desk_of(ledger, file, context.settings)
    with connect(destination, file.mapping.delivery, context.stop, context.patience, desk) as session:
        job, audience = bound(file, session)
        with placing(file, destination, job):
            yield session, job, audience
