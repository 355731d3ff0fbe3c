"""The run folder: the plan's Parquet files with a hash over all of them, the manifest, and where reports go.

    HOME/runs/RUN_ID/
      manifest.json              what was planned, from what, for whom; how far it came
      mapping.yaml               the mapping as it was; audience.json and header.json likewise
      plan/records-0000.parquet  one row per record of a shard: decision, reason, withheld parts, winner
      plan/items-0000.parquet    one row per thing to send: wire JSON, operation, phase, batch, parts, statuses before
      plan/opt_outs-0000.parquet one row per opt-out that the destination was not told before
      plan/permissions-0000.parquet  digests of the addresses that would be permitted something, with suppression lists
      source/0000/*.parquet      the export's own columns per shard, for rejects.csv
      outcomes.* rejects.csv withheld.csv summary.json report.html

Folders are 0700 and files 0600: they hold identities and values as they are.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import RunFolderError, StorageError
from pipeline.planning.forecast import Forecast
from pipeline.planning.guard_figure import GuardFigure
from pipeline.suppression import ListFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    import polars as pl

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
CSV_ROWS: Final = 100_000
"""Written at a time."""
MANIFEST: Final = "manifest.json"
ERASING: Final = "erasing"
SINCE: Final = {"status", "finished_at", "plan_hash", "erased", "suppression_since"}
"""What a manifest says of the time after it was sealed."""
PLANNED_FROM: Final = ("mapping.yaml", "audience.json", "header.json")
"""Beside the plan's own files, what its hash covers."""


class Manifest(BaseModel):
    """What a run is: written when it is planned, and again when its status changes."""

    model_config = ConfigDict(extra="forbid")

    run_id: str
    status: str
    destination: str
    account: str
    audience: str
    mapping: str
    mapping_sha256: str
    export: str
    export_sha256: str
    shards: int
    read: int
    """Records of the export, and `retried` ones of earlier runs; of a revert, those that the other run had applied."""
    retried: int = 0
    plan_hash: str
    planned_at: str
    finished_at: str | None = None
    guards: list[GuardFigure] = Field(default_factory=list)
    transitions: dict[str, dict[str, int]] = Field(default_factory=dict)
    batches: int = 0
    """Parts of the plan that are settled one by one; some may travel in one request."""
    items: int = 0
    """Contacts that the plan sends."""
    ahead: int = 0
    """Of them, those of which the plan does nothing but opt out: `--only opt-outs` sends these."""
    mixed: int = 0
    """Those who opt out of one thing and not of another: their opt-out does not go ahead."""
    forecast: Forecast = Field(default_factory=Forecast)
    corrects: bool = False
    """Whether the export is a rejects file: its size says nothing of how large an export usually is."""
    versions: dict[str, str] = Field(default_factory=dict)
    reverts: str | None = None
    """The run that it takes back."""
    erased: str | None = None
    """The hash of the plan since a contact of it was forgotten; ERASING while that is going on."""
    suppression: list[ListFacts] = Field(default_factory=list)
    """The suppression lists that it was planned against."""
    suppression_since: list[ListFacts] = Field(default_factory=list)
    """The lists as they were when a later command sent it."""

    @property
    def tripped(self) -> list[GuardFigure]:
        """The guards that stop the run."""
        return [guard for guard in self.guards if guard.tripped]


class RunFolder:
    """One run's folder. Raises RunFolderError where it is not what was planned, StorageError where the disk refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_id = path.name

    @classmethod
    def create(cls, home: Path, name: str, now: datetime, taken: Callable[[str], bool] = lambda _: False) -> RunFolder:
        """A new folder under HOME/runs, named by time and mapping; under no name that is `taken`."""
        from pipeline.store.place import store_of

        stem = f"{now:%Y%m%dT%H%M%S}-{name}"
        if store_of(home) is not None:  # Another host may plan at the same second.
            stem = f"{stem}-{secrets.token_hex(3)}"
        for number in range(1, 1000):
            folder = cls(home / "runs" / (stem if number == 1 else f"{stem}-{number}"))
            if taken(folder.run_id):
                continue
            with storing(folder.path):
                folder.path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
                with suppress(FileExistsError):
                    folder.path.mkdir(mode=FOLDER_MODE)
                    (folder.path / "plan").mkdir(mode=FOLDER_MODE)
                    (folder.path / "source").mkdir(mode=FOLDER_MODE)
                    return folder
        raise StorageError(f"no free name for a run folder under {home / 'runs'}")

    @classmethod
    def open(cls, home: Path, run: str) -> RunFolder:
        """An existing run, by its id or its folder's path, as it is on the home's store; `latest` was planned last."""
        from pipeline.store import fetching

        return cls(fetching.found(home, run))

    def source(self, shard: int) -> Path:
        """Where the export's own columns of a shard are."""
        return self.path / "source" / f"{shard:04d}"

    def plan_file(self, kind: str, shard: int) -> Path:
        """`records` or `items` of a shard."""
        return self.path / "plan" / f"{kind}-{shard:04d}.parquet"

    def write_parquet(self, path: Path, frame: pl.DataFrame, row_group_size: int | None = None) -> None:
        """Writes a frame so that the file is whole or absent."""
        from polars.exceptions import PolarsError

        with storing(path):
            path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True, parents=True)
            temporary = path.with_suffix(".tmp")
            try:
                frame.write_parquet(temporary, compression="zstd", compression_level=1, row_group_size=row_group_size)
            except PolarsError as error:  # a full disk, in polars' words
                raise OSError(str(error)) from error
            temporary.chmod(FILE_MODE)
            temporary.replace(path)

    @contextmanager
    def _whole(self, name: str) -> Iterator[Path]:
        path = self.path / name
        with storing(path):
            temporary = path.with_suffix(path.suffix + ".tmp")
            temporary.touch(mode=FILE_MODE)
            yield temporary
            temporary.replace(path)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Writes a file of the run so that it is whole or as it was."""
        with self._whole(name) as temporary:
            temporary.write_bytes(content)

    def write_text(self, name: str, text: str) -> None:
        """Writes text as UTF-8."""
        self.write_bytes(name, text.encode("utf-8"))

    def write_csv(self, name: str, frame: pl.DataFrame, delimiter: str = ",", encoding: str = "utf-8") -> None:
        """Writes a frame as CSV; a character that the encoding lacks becomes `?`."""
        encoder = codecs.getincrementalencoder(encoding)(errors="replace")
        with self._whole(name) as temporary, temporary.open("wb") as file:
            for begin in range(0, max(1, frame.height), CSV_ROWS):
                rows = frame.slice(begin, CSV_ROWS)
                file.write(encoder.encode(rows.write_csv(separator=delimiter, include_header=begin == 0)))

    def read_plan(
        self, kind: str, shard: int, rows: pl.Expr | None = None, without: Sequence[str] = (), only: str | None = None
    ) -> pl.DataFrame:
        """`records` or `items` of a shard; of those, `rows`, in the columns that the caller has a use for."""
        import polars as pl

        path = self.plan_file(kind, shard)
        try:
            plan = pl.scan_parquet(path).drop(*without)
            return (plan if rows is None else plan.filter(rows)).select(only or pl.all()).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise RunFolderError(f"{path} cannot be read ({error}); plan the export again") from error

    def header(self) -> tuple[str, ...]:
        """The export's own columns."""
        return tuple(load_json(self.path / "header.json"))

    def write_manifest(self, manifest: Manifest) -> None:
        """Replaces the manifest."""
        self.write_text(MANIFEST, json.dumps(manifest.model_dump(), indent=2, ensure_ascii=False) + "\n")

    def manifest(self) -> Manifest:
        """Reads the manifest."""
        try:
            return Manifest.model_validate_json((self.path / MANIFEST).read_bytes())
        except (OSError, ValidationError) as error:
            raise RunFolderError(f"{self.path / MANIFEST} cannot be used: plan the export again") from error

    def sealed_hash(self, manifest: Manifest) -> str:
        """SHA-256 in hex over the plan's files as they are and over the manifest, but for how far the run came."""
        facts = manifest.model_dump_json(exclude=SINCE)
        whole = hashlib.sha256(facts.encode())
        for path in (*sorted((self.path / "plan").glob("*.parquet")), *(self.path / name for name in PLANNED_FROM)):
            with path.open("rb") as file:
                whole.update(f"\n{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
        return whole.hexdigest()

    def require_unchanged(self, manifest: Manifest) -> None:
        """Raises RunFolderError unless the plan, its guards and what it was made from are those that were planned."""
        whole = all((self.path / name).is_file() for name in PLANNED_FROM)
        if manifest.erased == ERASING:
            raise RunFolderError(
                f"a contact of run {self.run_id} is being forgotten; run `consent-sync forget` for it again"
            )
        if not whole or self.sealed_hash(manifest) != (manifest.erased or manifest.plan_hash):
            raise RunFolderError(
                f"the files of run {self.run_id} are not those that were planned (expected plan hash "
                f"{manifest.plan_hash[:12]}), so nothing is done with them; plan the export again"
            )


def load_json(path: Path) -> Any:
    """A JSON file of the run. Raises RunFolderError where it is not what was written."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read; plan the export again") from error


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Translates what the disk refuses into a StorageError with the next step."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}; free space or choose another folder with `--home`, "
            "then run again: nothing that was settled is lost"
        ) from error


def restrict_new_files() -> None:
    """Files that libraries write are the owner's alone from now on."""
    os.umask(0o077)
