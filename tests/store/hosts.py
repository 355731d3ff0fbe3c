"""Hosts that share a ledger and a store: each is a home of its own before the same destination."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import httpx
import polars as pl
from polars.exceptions import PolarsError
from pyarrow.fs import FileSelector, S3FileSystem

from pipeline import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pipeline.carried_out import Result
    from tests.delivery.world import World

ACCESS_KEY: Final = "AKIDSTOREACCESSKEY"
SECRET: Final = "store-secret-quartz-4711"
NOBODY: Final = "http://127.0.0.1:1"
"""Where nobody answers."""


@dataclass
class Bucket:
    """A bucket of the server, and what it does."""

    endpoint: str
    name: str
    patch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        httpx.put(f"{self.endpoint}/{self.name}").raise_for_status()
        self.come_back()

    @property
    def url(self) -> str:
        """The store under a prefix of it."""
        return f"s3://{self.name}/team"

    def refuse(self, what: str = "") -> None:
        """Refuses whatever writes, or (`3`) but for the next three such requests; or (`all`) whatever comes."""
        httpx.put(f"{self.endpoint}/_control/refuse?{what}").raise_for_status()

    def allow(self) -> None:
        """Refuses nothing any more."""
        httpx.put(f"{self.endpoint}/_control/allow").raise_for_status()

    def go_away(self) -> None:
        """Nobody answers any more."""
        self.patch.setenv("AWS_ENDPOINT_URL", NOBODY)

    def come_back(self) -> None:
        """The server answers."""
        self.patch.setenv("AWS_ENDPOINT_URL", self.endpoint)

    @property
    def files(self) -> Any:
        """The server's file system, by a way of the tests' own."""
        host = self.endpoint.removeprefix("http://")
        return S3FileSystem(endpoint_override=host, scheme="http", access_key="x", secret_key="y", region="us-east-1")

    def objects(self) -> dict[str, bytes]:
        """All that is in the bucket, by key."""
        files = self.files
        listed = [info.path for info in files.get_file_info(FileSelector(self.name, recursive=True)) if info.is_file]
        return {path.removeprefix(f"{self.name}/team/"): files.open_input_stream(path).read() for path in listed}

    def texts(self) -> Iterator[tuple[str, str]]:
        """The same as text; tables as their cells."""
        for key, content in self.objects().items():
            yield key, readable(content)


def readable(content: bytes) -> str:
    """A file as text; of a table, its cells and its bytes."""
    text = content.decode("utf-8", errors="replace")
    if content[:4] == b"PAR1":
        try:
            text += str(pl.read_parquet(BytesIO(content), hive_partitioning=False).to_dicts())
        except PolarsError as error:
            raise AssertionError("a table that cannot be read") from error
    return text


@dataclass
class Hosts:
    """Two hosts, a and b; a knows nothing of b's disk."""

    a: World
    bucket: Bucket

    def __post_init__(self) -> None:
        self.b = self.another("b")

    def another(self, name: str) -> World:
        """One more host, with an empty home."""
        host = copy.copy(self.a)
        host.home = self.a.path / name
        return host

    def runs_of(self, host: World) -> set[str]:
        """The runs whose folders a host has."""
        return {path.name for path in host.home.glob("runs/*")}


def revert(host: World, run_id: str) -> Result:
    """`revert` on a host."""
    return run.revert(run_id, host.context())
