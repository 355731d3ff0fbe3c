"""Contestant: a target of the Singer SDK, fed by a tap; both live in an environment of their own."""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import httpx

from .plain import BATCH_SIZE, row_of, send

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = {
    "type": "SCHEMA",
    "stream": "contacts",
    "schema": {"properties": {"key": {"type": "string"}, "to": {"type": "object"}}},
    "key_properties": ["key"],
}


def messages(export: Path) -> Iterator[dict[str, Any]]:
    """What a tap says of the export: a schema, then its rows, mapped as the plain script maps them."""
    yield SCHEMA
    with export.open(encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            if (row := row_of(record)) is not None:
                yield {"type": "RECORD", "stream": "contacts", "record": row}


def listen(export: Path, url: str) -> int:
    """Runs tap and target; how many contacts were modified."""
    from singer_sdk import BatchSink, Target

    client = httpx.Client(headers={"x-api-key": "benchmark"})
    modified = [0]

    class Contacts(BatchSink):  # type: ignore[misc]
        """Sends a hundred contacts at a time."""

        max_size = BATCH_SIZE

        def process_batch(self, context: dict[str, Any]) -> None:
            """One mutation."""
            rows = [{"key": record["key"], "to": record["to"]} for record in context["records"]]
            modified[0] += send(client, url, rows)

    class Connect(Target):  # type: ignore[misc]
        """The target."""

        name = "target-acoustic-connect"
        config_jsonschema: ClassVar[dict[str, Any]] = {"type": "object", "properties": {}}
        default_sink_class = Contacts

    tap = [sys.executable, "-m", "tests.benchmarks.singer_sync", str(export), url, "--tap"]
    with subprocess.Popen(tap, stdout=subprocess.PIPE) as process:  # noqa: S603 - this module
        assert process.stdout is not None
        Connect(config={}).listen(file_input=TextIOWrapper(process.stdout, encoding="utf-8"))
    return modified[0]


def main() -> None:
    """Sends the whole export and says how many contacts were modified."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("url")
    parser.add_argument("--tap", action="store_true", help="write messages instead")
    given = parser.parse_args()
    if given.tap:
        for message in messages(given.export):
            sys.stdout.write(json.dumps(message) + "\n")
        return
    modified = listen(given.export, given.url)
    # The SDK logs to stdout: what counts is on the last line.
    sys.stdout.write(json.dumps({"rows": modified}) + "\n")


if __name__ == "__main__":
    main()
