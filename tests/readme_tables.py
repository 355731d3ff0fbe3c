"""The README's tables that follow from the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer.main

from pipeline import errors
from pipeline.cli import app
from pipeline.destinations.acoustic_connect.options import Options as AcousticConnect
from pipeline.destinations.ivvy.options import Options as Ivvy
from pipeline.destinations.wix.options import Options as Wix
from pipeline.reporting.advice import ADVICE
from pipeline.settings import Settings
from tests.readme_limits import limits

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT: Final = Path(__file__).parent.parent
WHY: Final = {
    "deltalake": "the state and the evidence: versioned tables with atomic commits on Parquet",
    "email-validator": "judges the addresses that a fast expression cannot settle",
    "fastapi": "Prefect's server; newer ones break it, so the range is ours to keep",
    "graphql-core": "the sandbox executes the vendor's schema with it",
    "httptools": "reads answers by the parser of Node.js, which is written in C",
    "httpx": "requests, answers, errors and signatures; proxies",
    "jinja2": "the report page",
    "markupsafe": "escapes what the report shows",
    "phonenumbers": "the rules of every country's phone numbers",
    "polars": "reading, mapping and encoding without a loop over records",
    "polars-hash": "hashes that stay the same between versions: shards, fingerprints, suppression lists, evidence",
    "prefect": "the flows; this version, since newer ones cannot be installed or break",
    "psycopg": "the ledger on PostgreSQL",
    "pyarrow": "splits CSV text into records and writes what Delta tables need",
    "pydantic": "checks what comes from outside: mappings, settings, answers, flow parameters",
    "pydantic-settings": "settings from the environment and .env",
    "rapidfuzz": "the nearest match in messages",
    "rich": "tables and progress on the terminal",
    "ruamel.yaml": "YAML 1.2 with line numbers",
    "sqlalchemy": "the ledger on SQLite or PostgreSQL; 2.1 breaks Prefect's scheduler",
    "starlette": "the sandbox as a server",
    "tenacity": "retries with jitter",
    "typer": "the command line",
    "uvicorn": "serves the sandbox",
}
DEFAULTS: Final = {
    "consent_sync_home": "`.consent-sync`",
    "consent_sync_database_url": "SQLite in the home",
    "consent_sync_store": "none: in the home",
    "consent_sync_attempts": "6",
    "consent_sync_max_shard_records": "10,000,000",
    "consent_sync_memory_mib": "1024",
    "consent_sync_least_shards": "1",
    "consent_sync_shards_on": "`threads`",
    "consent_sync_dask_address": "none",
    "consent_sync_time_limit_minutes": "none",
    "consent_sync_operator": "the system's user",
    "consent_sync_opt_out_limit_days": "10",
    "consent_sync_quiet_seconds": "2",
    "consent_sync_arrival_seconds": "120",
    "consent_sync_overdue_minutes": "15",
}
MEANING: Final = {
    "acoustic_connect_url": "the region's endpoint",
    "acoustic_connect_api_key": "the API key",
    "ivvy_url": "the region's endpoint",
    "ivvy_api_key": "the API key",
    "ivvy_api_secret": "the secret that signs each request",
    "wix_url": "`https://www.wixapis.com/marketing-consent`",
    "wix_api_key": "the API key, with leave to read and write marketing consents",
    "wix_site_id": "the site whose consents they are",
    "consent_sync_home": "where runs, ledger and state live",
    "consent_sync_database_url": "the ledger's database",
    "consent_sync_store": "where hosts share state, evidence and runs: `s3://bucket/prefix`, see "
    "[object store](#state-and-runs-on-an-object-store)",
    "consent_sync_attempts": "how often one request is tried while the destination gives no usable answer",
    "consent_sync_max_shard_records": "records that are planned at once, see [limits](#limits)",
    "consent_sync_memory_mib": "memory that a run may take, in MiB: larger exports are divided, see [memory](#memory)",
    "consent_sync_least_shards": "into how many shards an export is divided at least: 1, 2, 4, up to 64",
    "consent_sync_shards_on": "who works on the shards of a flow's run: `threads` or `dask`, "
    "see [several machines](#on-several-machines)",
    "consent_sync_dask_address": "the address of the Dask scheduler",
    "consent_sync_time_limit_minutes": "when a command stops by itself, as after SIGTERM",
    "consent_sync_operator": "who runs it, as the evidence names them",
    "consent_sync_quiet_seconds": "how long an export must have been left alone before it is read; 0: not looked at",
    "consent_sync_arrival_seconds": "how long a run waits for an export that still grows",
    "consent_sync_overdue_minutes": "how long after its time a scheduled run may begin before operators are told",
    "consent_sync_opt_out_limit_days": "business days that the law gives an opt-out: 2, 5 or 10",
}
OPTIONS: Final[dict[str, type[BaseModel]]] = {"acoustic_connect": AcousticConnect, "ivvy": Ivvy, "wix": Wix}
CODES: Final = {
    0: "every row is settled, nothing rejected, held, withheld, failed or unknown",
    1: "an unexpected error, or the disk or the ledger cannot be written",
    2: "usage, settings, mapping, export or a suppression list cannot be used; nothing was sent",
    3: "finished, but rows were rejected, held, failed or unknown, or parts withheld; or evidence is broken",
    4: "a guard or the canary stopped it; nothing was sent, or nothing but opt-outs (`--only opt-outs`) or the canary",
    5: "the destination is unreachable or refuses, takes nothing, or the run was stopped; `resume` goes on",
    6: "another run holds this destination",
}


def tables() -> dict[str, str]:
    """Name of the place in the README -> its table."""
    return {
        "commands": _table(("command", "does"), _commands()),
        "reasons": _table(("reason", "meaning", "what to do"), [(f"`{r}`", *said) for r, said in ADVICE.items()]),
        "settings": _table(("variable", "what it is", "default"), _settings()),
        "exit-codes": _table(("code", "meaning"), [(str(code), said) for code, said in CODES.items()]),
        **{f"options of {name}": _table(("option", "default", "meaning"), _options(o)) for name, o in OPTIONS.items()},
        "limits": _table(("what", "limit", "more than that"), limits()),
        "dependencies": _table(("package", "range", "for"), _dependencies()),
    }


def exit_codes() -> set[int]:
    """Every exit code that an error of the tree has."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return {kind.exit_code for kind in kinds if issubclass(kind, errors.ConsentSyncError)}


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _commands() -> list[tuple[str, ...]]:
    group = typer.main.get_group(app)
    rows: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        words = [str(p.metavar) for p in command.params if p.param_type_name == "argument"]
        options = [p.opts[0] for p in command.params if p.param_type_name == "option" and p.name != "help"]
        usage = " ".join([name, *words, *(f"[{option}]" for option in options)])
        rows.append((f"`{usage}`", str(command.help).strip()))
    return rows


def _settings() -> list[tuple[str, ...]]:
    return [(f"`{n.upper()}`", MEANING[n], DEFAULTS.get(n, "")) for n in Settings.model_fields]


def _options(options: type[BaseModel]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, field in options.model_fields.items():
        default = field.get_default(call_default_factory=True)
        rows.append((f"`{name}`", "" if default in (None, {}) else f"`{default}`", str(field.description)))
    return rows


def _dependencies() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name, span = re.fullmatch(r"([A-Za-z0-9._-]+)(.*)", requirement).groups()  # type: ignore[union-attr]
        rows.append((name, f"`{span}`", WHY[name]))
    return rows
