"""Settings from the environment or `.env`: where the destinations are, their credentials, where runs and state live."""

from __future__ import annotations

import getpass
import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import SettingsError

ENVIRONMENT: Final = ".env"
MAX_BYTES: Final = 256 * 1024
"""Of `.env`: it is read as a whole, and holds a line for each setting."""
STORE: Final = r"s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/[A-Za-z0-9._=-]+)*/?"
"""A bucket, and where in it."""
OPT_OUT_LIMITS: Final = (2, 5, 10)
"""Business days that laws give."""
SHARDS: Final = (1, 2, 4, 8, 16, 32, 64)
"""Powers of two, so that each shard is of whole partitions of the state."""


class Settings(BaseSettings):
    """Each field is the environment variable of the same name in capitals. Secrets never leave it but to be sent."""

    model_config = SettingsConfigDict(env_file=ENVIRONMENT, extra="ignore", env_ignore_empty=True)

    acoustic_connect_url: AnyHttpUrl | None = None
    acoustic_connect_api_key: SecretStr | None = None
    ivvy_url: AnyHttpUrl | None = None
    ivvy_api_key: SecretStr | None = None
    ivvy_api_secret: SecretStr | None = None
    wix_url: AnyHttpUrl | None = None
    wix_api_key: SecretStr | None = None
    wix_site_id: str | None = None
    consent_sync_home: Path = Path(".consent-sync")
    consent_sync_database_url: SecretStr | None = None
    consent_sync_store: str | None = None
    """Where hosts share state, evidence and runs: s3://bucket/prefix; None: each keeps them in its home."""
    consent_sync_attempts: Annotated[int, Field(ge=1)] = 6
    """How often one request is tried while the destination gives no usable answer."""
    consent_sync_max_shard_records: Annotated[int, Field(ge=1)] = 10_000_000
    """Records that are planned at once, at some 2 GB of memory for a million; an export with more is refused."""
    consent_sync_memory_mib: Annotated[int, Field(ge=512)] = 1024
    """Memory that a run may take, in MiB: larger exports are divided into shards."""
    consent_sync_least_shards: int = 1
    """Into how many shards an export is divided at least, where it can be: as many hands find work."""
    consent_sync_shards_on: Literal["threads", "dask"] = "threads"
    """Who works on the shards of a flow's run: threads of its process, or the workers of a Dask cluster."""
    consent_sync_dask_address: str | None = None
    """The address of its scheduler."""
    consent_sync_time_limit_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """When a command that talks to a destination stops by itself, as after SIGTERM."""
    consent_sync_quiet_seconds: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 2.0
    """How long an export must have been left alone before it is read; 0: it is read at once."""
    consent_sync_arrival_seconds: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 120.0
    """How long a run waits for an export that still grows."""
    consent_sync_overdue_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 15.0
    """How long after its time a scheduled run may begin before operators are told."""
    consent_sync_opt_out_limit_days: int = 10
    """Business days within which an opt-out must have reached the destination."""

    @field_validator("consent_sync_least_shards")
    @classmethod
    def _divides_the_state(cls, value: int) -> int:
        if value not in SHARDS:
            raise ValueError(f"allowed: {', '.join(map(str, SHARDS))}")
        return value

    @field_validator("consent_sync_opt_out_limit_days")
    @classmethod
    def _is_a_law(cls, value: int) -> int:
        if value not in OPT_OUT_LIMITS:
            raise ValueError(f"allowed: {', '.join(map(str, OPT_OUT_LIMITS))}")
        return value

    @field_validator("consent_sync_store")
    @classmethod
    def _names_one_place(cls, value: str | None) -> str | None:
        if value is not None and re.fullmatch(STORE, value) is None:
            raise ValueError("write it as s3://bucket/prefix, without credentials")
        return value.rstrip("/") if value else value

    consent_sync_operator: str | None = None
    """Who runs it, as the evidence names them."""

    @field_validator("acoustic_connect_api_key", "ivvy_api_key", "ivvy_api_secret", "wix_api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        """A secret pasted with a line break or a curly quote would fail in the middle of a request, and be shown."""
        if value is None:
            return None
        plain = value.get_secret_value().strip()
        if not (plain.isascii() and plain.isprintable()):
            raise ValueError("holds characters that cannot be sent; copy it again as plain text")
        return SecretStr(plain)

    @classmethod
    def load(cls, **found: Any) -> Settings:
        """Raises SettingsError for a value that cannot be used; the value itself is not repeated.

        `found`: secrets that are kept elsewhere than in the environment.
        """
        file = Path(ENVIRONMENT)
        try:
            if file.is_file() and (size := file.stat().st_size) > MAX_BYTES:
                raise SettingsError(
                    f"{file}: is {size:,} bytes large, and {MAX_BYTES:,} are allowed; it holds one setting a line, "
                    "such as `IVVY_URL=https://...`"
                )
            return cls(**found)
        except UnicodeDecodeError as error:
            raise SettingsError(f"{file}: byte {error.start + 1} is not UTF-8; save it as UTF-8") from None
        except OSError as error:
            raise SettingsError(f"{file}: cannot be read ({error.strerror or error}); check its permissions") from None
        except ValidationError as error:
            said = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
            raise SettingsError(f"a setting cannot be used: {said}; correct it in the environment or in .env") from None

    def url(self, destination: str) -> str:
        """Where the destination is. Raises SettingsError where it is not set."""
        found: AnyHttpUrl | None = getattr(self, f"{destination}_url")
        if found is None:
            raise SettingsError(f"{destination.upper()}_URL is not set; set it in the environment or in .env")
        return str(found)

    def credentials(self, destination: str) -> dict[str, str]:
        """The destination's credentials by short name (`api_key`). Raises SettingsError where one is not set."""
        prefix = f"{destination}_"
        found: dict[str, str] = {}
        for name in type(self).model_fields:
            if not name.startswith(prefix) or name == f"{prefix}url":
                continue
            value: SecretStr | str | None = getattr(self, name)
            if value is None:
                raise SettingsError(f"{name.upper()} is not set; set it in the environment or in .env")
            found[name.removeprefix(prefix)] = value.get_secret_value() if isinstance(value, SecretStr) else value
        return found

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of all secrets."""
        return tuple(n for n, field in type(self).model_fields.items() if field.annotation == SecretStr | None)

    @property
    def operator(self) -> str:
        """Who runs it: as the settings say, else the user of the system."""
        if self.consent_sync_operator:
            return self.consent_sync_operator
        try:
            return getpass.getuser()
        except (OSError, KeyError):  # a container's user has no name
            return f"uid {os.getuid()}"

    @property
    def memory_bytes(self) -> int:
        """Memory that a run may take."""
        return self.consent_sync_memory_mib * 1024 * 1024

    @property
    def database_url(self) -> str | None:
        """Where the ledger is; None: SQLite under home."""
        return self.consent_sync_database_url.get_secret_value() if self.consent_sync_database_url else None
