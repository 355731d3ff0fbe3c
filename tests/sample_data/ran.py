"""An example mapping carried out twice over its sample, and what the destination showed after the first run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from ruamel.yaml import YAML

from pipeline import run
from pipeline.context import Context, Request
from pipeline.run_folder import RunFolder
from pipeline.sandbox.server import Options, Sandbox
from pipeline.settings import Settings
from sample_data import generate

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.carried_out import Result
    from sample_data.sample import Sample

MAPPINGS: Final = generate.FOLDER.parent / "mappings"
DESTINATION_OF: Final = {
    mapping: name for name, destination in generate.DESTINATIONS.items() for mapping in destination.planted().mappings
}
"""Mapping -> destination."""


@dataclass(frozen=True, slots=True)
class Ran:
    """Two runs of one mapping."""

    mapping: str
    sample: Sample[Any]
    first: Result
    outcomes: pl.DataFrame
    platform: Any
    """The destination's data after the first run, in the seed's shape."""
    second: Result
    read: int
    """How many requests of the second run did not write."""
    written: set[str]
    """Whom the second run wrote to."""


def run_twice(mapping: str, folder: Path) -> Ran:
    """From a new home and a newly filled sandbox, at full pace."""
    destination = DESTINATION_OF[mapping]
    made = generate.DESTINATIONS[destination]
    asked = Request(_at_full_pace(MAPPINGS / f"{mapping}.yaml", folder), generate.FOLDER / made.EXPORT)
    seed = json.loads((generate.FOLDER / f"{destination}.json").read_bytes())
    with Sandbox(Options(data=seed, settings={"wix": {"requests_per_minute": None}})) as sandbox:
        settings = Settings.model_validate({name.lower(): value for name, value in sandbox.environment.items()})
        context = Context(settings, folder / "home")
        first = run.sync(asked, context)
        platform = sandbox.dump()[destination]
        sandbox.clear_requests()
        second = run.sync(asked, context)
        requests = sandbox.requests()
    path = RunFolder.open(folder / "home", first.summary.run_id).path / "outcomes.csv"
    return Ran(
        mapping,
        made.planted(),
        first,
        pl.read_csv(path, infer_schema=False),
        platform,
        second,
        read=sum(not entry.write_applied for entry in requests),
        written={key for entry in requests if entry.write_applied for key in entry.keys},
    )


def _at_full_pace(mapping: Path, folder: Path) -> Path:
    """A copy of the mapping that does not wait for anything."""
    document = YAML(typ="safe").load(mapping)
    document["delivery"]["requests_per_second"] = 10_000
    if document["destination"] == "ivvy":
        document["options"]["poll_seconds"] = 0
    copy = folder / mapping.name
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy
