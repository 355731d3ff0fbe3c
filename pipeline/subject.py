"""What a run is about: a mapping, bound to a destination as it is now or as it was planned, and the export it reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import mapping_file as mf
from pipeline.binding import bind
from pipeline.delivery.blaming import placing
from pipeline.destinations import DESTINATIONS
from pipeline.destinations.kept_audience import audience_from_json
from pipeline.errors import MappingErrors
from pipeline.mapping.options import require_options
from pipeline.reporting.rejects import REJECT_COLUMNS
from pipeline.stages.read import SourceOptions, open_export

if TYPE_CHECKING:
    from pipeline.destinations.interface import Audience, Destination
    from pipeline.job import Job
    from pipeline.mapping_file import MappingFile
    from pipeline.run_folder import Manifest, RunFolder
    from pipeline.session import Session
    from pipeline.settings import Settings
    from pipeline.stages.read import Export


@dataclass(frozen=True, slots=True)
class Subject:
    """A mapping, bound to the audience as it is now."""

    file: MappingFile
    job: Job
    audience: Audience


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plan's records come from: an export, or what the run `reverts` has applied."""

    path: str
    sha256: str
    reverts: str | None = None


def destination_of(file: MappingFile, settings: Settings) -> Destination:
    """The mapping's destination with its options checked. Raises MappingErrors or SettingsError."""
    require_options(file)
    name = file.mapping.destination
    return DESTINATIONS[name](settings.url(name), settings.credentials(name), file.mapping.options)


def bound(file: MappingFile, session: Session) -> tuple[Job, Audience]:
    """Binds the mapping to the audience as it is now. Raises MappingErrors for what the destination does not have."""
    with placing(file, session.destination):
        audience = session.describe()
    job = bind(file, audience)
    problems = session.destination.check(job)
    if problems:
        raise MappingErrors([file.error(path, problem) for path, problem in problems])
    return job, audience


def export_of(file: MappingFile, path: Path) -> Export:
    """Opens the export and compares its header with the mapping. Raises ExportError or MappingErrors."""
    source = file.mapping.source
    export = open_export(path, SourceOptions(source.format, source.encoding, source.delimiter))
    mf.check_header(file, [column for column in export.header if column not in REJECT_COLUMNS])
    return export


def job_as_planned(folder: RunFolder) -> Job:
    """The job of an existing run, from its own copies of mapping and audience."""
    file, audience = copies(folder)
    return renamed(bind(file, audience), folder.manifest())


def copies(folder: RunFolder) -> tuple[MappingFile, Audience]:
    """What a run was planned from, as its folder keeps it."""
    audience = audience_from_json((folder.path / "audience.json").read_bytes())
    return mf.load(folder.path / "mapping.yaml"), audience


def renamed(job: Job, manifest: Manifest) -> Job:
    """The job under the name of the mapping that it was planned from, not of the run folder's copy."""
    named = replace(job, mapping=Path(manifest.mapping).stem)
    return restoring(named) if manifest.reverts else named


def restoring(job: Job) -> Job:
    """The job of a revert: it changes who is there, hears every witness, and needs an approval instead of evidence."""
    heard = {"witnesses": ("export", "state", "destination"), "resubscribe": "never", "require_evidence": ()}
    return replace(
        job,
        restores=True,
        policy=job.policy.model_copy(update=heard),
        delivery=job.delivery.model_copy(update={"mode": "update"}),
    )
