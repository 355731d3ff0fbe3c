"""The place in a mapping that a refusal of the destination is about."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.destinations.interface import Destination
    from pipeline.job import Job, Path
    from pipeline.mapping_file import MappingFile


@contextmanager
def placing(file: MappingFile, destination: Destination, job: Job | None = None, name: str = "") -> Iterator[None]:
    """Puts file and line in front of a refusal that names a part of the mapping. `name`: the mapping's own path."""
    try:
        yield
    except Refused as error:
        blamed = destination.blame(error.said) if error.said else None
        path = _path(*blamed, job) if blamed else None
        if path is None:
            raise
        # Said once: whoever hears it next finds it placed.
        raise Refused(f"{name or file.path}:{file.line_of(*path)}: {error}") from error


def _path(kind: str, name: str, job: Job | None) -> Path | None:
    """Where the mapping names it; None: nowhere."""
    if kind == "option":
        return "options", name
    if job is None:
        return None
    named: dict[str | None, Path] = {}
    match kind:
        case "attribute":
            named = {a.id: a.path for a in job.attributes} | {a.name: a.path for a in job.attributes}
        case "group":
            named = {t.group_id: t.path for t in job.targets if t.group_id}
        case "channel":
            named = {str(t.channel): t.path for t in job.targets if t.channel}
    return named.get(name)
