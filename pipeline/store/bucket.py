"""An S3 bucket and a prefix in it. Credentials are those of the environment: this code never has them."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, Any, Final

from pipeline.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDPOINT: Final = "AWS_ENDPOINT_URL"
REGIONS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
CONNECT_SECONDS: Final = 5
REQUEST_SECONDS: Final = 30
"""For one request for a file of a run: how long nothing may come."""
TABLE_SECONDS: Final = 120
"""For one request for a table: all of it."""
RETRIES: Final = 4
RETRYING_SECONDS: Final = 60
AT_ONCE: Final = 8 * 1024 * 1024
_CAUSES: Final = (
    (
        r"credential|access.?denied|forbidden|invalid.?access.?key|signature|invalid.?token|status:? 40[13]",
        (
            "it refuses the credentials of the environment, or there are none; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or give this host a role that may read, write, list and delete there"
        ),
    ),
    (
        r"no_?such_?bucket|bucket does not exist",
        "there is no such bucket; correct CONSENT_SYNC_STORE, or create the bucket",
    ),
    (
        r"NETWORK_CONNECTION|curlCode|timed? ?out|error sending request|connect|dns|retry_timeout",
        "it does not answer; check the network and AWS_ENDPOINT_URL, or wait until it does",
    ),
)
"""What libraries say, and what it means."""


@dataclass(frozen=True, slots=True)
class Store:
    """The store under a URL such as s3://bucket/prefix. Raises StorageError where it refuses."""

    url: str

    @property
    def bucket(self) -> str:
        """Its bucket."""
        return self.url.removeprefix("s3://").partition("/")[0]

    def __str__(self) -> str:
        return self.url

    def uri(self, key: str) -> str:
        """An object's or a table's URL."""
        return f"{self.url}/{key}"

    def read(self, key: str) -> bytes | None:
        """An object; None: there is none."""
        with refusing(self.url):
            try:
                with _files().open_input_file(self._path(key)) as file:
                    return bytes(file.read())
            except FileNotFoundError:
                return None

    def fetch(self, key: str, path: Path) -> None:
        """Writes an object to a file. Raises FileNotFoundError where there is none any more."""
        with path.open("wb") as into:
            self._copy(key, into)

    def _copy(self, key: str, into: IO[bytes]) -> None:
        with refusing(self.url), _files().open_input_stream(self._path(key)) as file:
            shutil.copyfileobj(file, into, AT_ONCE)

    def put(self, key: str, content: bytes) -> None:
        """Puts an object, which is whole or as it was."""
        with refusing(self.url), _files().open_output_stream(self._path(key)) as out:
            out.write(content)

    def put_file(self, key: str, path: Path) -> None:
        """Puts a file, likewise."""
        with path.open("rb") as file, refusing(self.url), _files().open_output_stream(self._path(key)) as out:
            shutil.copyfileobj(file, out, AT_ONCE)

    def remove(self, key: str) -> None:
        """Removes an object, if it is there."""
        with refusing(self.url):
            try:
                _files().delete_file(self._path(key))
            except FileNotFoundError:
                return

    def remove_all(self, key: str) -> None:
        """Removes everything under a key."""
        with refusing(self.url):
            try:
                _files().delete_dir(self._path(key))
            except FileNotFoundError:
                return

    def files(self, key: str) -> dict[str, int]:
        """All objects under a key, by their names below it, with their sizes."""
        base = self._path(key)
        return {info.path[len(base) + 1 :]: info.size for info in self._listed(base, deep=True) if info.is_file}

    def folders(self, key: str) -> list[str]:
        """The names that lie directly under a key and have something under them."""
        return sorted(info.base_name for info in self._listed(self._path(key), deep=False) if not info.is_file)

    def require_bucket(self) -> None:
        """Raises StorageError where the bucket is not there."""
        from pyarrow.fs import FileType

        with refusing(self.url):
            if _files().get_file_info(self.bucket).type == FileType.NotFound:
                raise OSError("the bucket does not exist")

    def _path(self, key: str) -> str:
        return f"{self.url.removeprefix('s3://')}/{key}"

    def _listed(self, base: str, *, deep: bool) -> list[Any]:
        from pyarrow.fs import FileSelector

        with refusing(self.url):
            return list(_files().get_file_info(FileSelector(base, allow_not_found=True, recursive=deep)))


@contextmanager
def refusing(url: str) -> Iterator[None]:
    """Translates what a store refuses into a StorageError with the next step. What is not there is left as it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"the store {url} cannot be used: {why(error)}; nothing that was settled is lost") from error


def why(error: BaseException) -> str:
    """What a store's refusal means, in plain words: without request ids, and without anything of a request."""
    said = str(error)
    for pattern, meaning in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            return meaning
    return re.sub(r"\x1b\[[0-9;]*m|\s+", " ", said)[:300].strip()


def table_options() -> dict[str, str]:
    """How Delta tables are reached. A version of a table that somebody else has written meanwhile is not replaced."""
    found = {
        "aws_region": _region(),
        "aws_conditional_put": "etag",
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "timeout": f"{TABLE_SECONDS}s",
        "max_retries": str(RETRIES),
        "retry_timeout": f"{RETRYING_SECONDS}s",
    }
    endpoint = os.environ.get(ENDPOINT)
    return found | ({"aws_endpoint_url": endpoint, "allow_http": "true"} if endpoint else {})


def file_options() -> dict[str, Any]:
    """How polars reaches the files of tables."""
    found: dict[str, Any] = {
        "aws_region": _region(),
        "max_retries": RETRIES,
        "retry_timeout_ms": RETRYING_SECONDS * 1000,
    }
    endpoint = os.environ.get(ENDPOINT)
    return found | ({"aws_endpoint_url": endpoint, "aws_allow_http": "true"} if endpoint else {})


def _region() -> str:
    return next((os.environ[name] for name in REGIONS if os.environ.get(name)), "us-east-1")


def _files() -> Any:
    return _reached(os.environ.get(ENDPOINT, ""), _region())


@cache
def _reached(endpoint: str, region: str) -> Any:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    scheme, _, host = endpoint.rstrip("/").rpartition("://")
    return S3FileSystem(
        region=region,
        endpoint_override=host or None,
        scheme=scheme or "https",
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=RETRIES),
        background_writes=False,
        allow_delayed_open=True,
    )
