"""The shape of a mapping: every key with its type, its default and its meaning; `consent` has a module of its own.

What stands below a key is its description in the JSON Schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from pipeline.mapping import crossing, rules, words
from pipeline.mapping.consent import Consent  # noqa: TC001 - pydantic reads the annotations
from pipeline.mapping.section import ByColumn, Cell, Column, Section, StatusWord, Text
from pipeline.mapping.suppression import Suppression  # noqa: TC001 - as above
from pipeline.mapping.words import Destination  # noqa: TC001 - as above
from pipeline.mapping.yaml_source import native
from pipeline.model import Channel  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.mapping.yaml_source import KeyPath

Witness = Literal["export", "state", "destination"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=0)]


class Source(Section):
    """How the export is written."""

    format: Literal["csv", "tsv", "ndjson", "parquet", "xlsx"] | None = None
    """The format of the export; left out: taken from the file name."""
    encoding: Literal["utf-8", "utf-16", "cp1252", "latin-1"] = "utf-8"
    """The encoding of the text; a byte order mark is fine with utf-8."""
    delimiter: Annotated[str, AfterValidator(words.delimiter)] | None = None
    """The character between two fields; left out: a comma for csv, a tab for tsv."""
    null_values: tuple[Cell, ...] = ("", "NULL")
    """Cells that count as blank, after trimming. The empty cell always does. Blank means no change."""


class Identity(ByColumn):
    """What tells one contact from another."""

    column: Column | None = None
    """The column that holds the contact's key."""
    attribute: str | None = None
    """The destination's key attribute, where its name cannot be read from the audience."""
    first_name: Column | None = None
    """iVvy: the column of the first name, which identifies together with last name and e-mail address."""
    last_name: Column | None = None
    """iVvy: the column of the last name."""
    email: Column | None = None
    """iVvy: the column of the e-mail address."""
    id: Column | None = None
    """iVvy: the column of iVvy's own contact id."""


class Address(ByColumn):
    """What a channel is reached by."""

    column: Column
    """The column that holds the address."""
    attribute: str | None = None
    """The destination's attribute that holds the address."""
    region: (
        Annotated[str, AfterValidator(words.region), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"})] | None
    ) = None
    """The country of phone numbers written without a country code, such as US; numbers are sent as E.164."""


class AttributeColumn(ByColumn):
    """Where the value of one attribute comes from."""

    column: Column
    """The column that holds the value."""
    type: Literal["text", "number", "boolean", "date", "list"] | None = None
    """How the value is read; left out: as the destination's attribute says."""
    format: Text | None = None
    """Of a date: how it is written, such as "%d/%m/%Y" (left out: ISO 8601). Of a list: what separates its items."""
    blank: Literal["keep", "clear", "reject"] = "keep"
    """What a blank cell does: keep the stored value, clear it, or reject the record."""

    @model_validator(mode="after")
    def _format_fits(self) -> Self:
        rules.check_format(self.format, self.type)
        return self


class Policy(Section):
    """What is done where consent is at stake."""

    write: Annotated[tuple[Literal["attributes", "consent"], ...], Field(min_length=1)] = ("attributes", "consent")
    """What is written to the destination; either alone is allowed."""
    unknown_value: Literal["hold", "reject"] = "hold"
    """A consent cell that `values` does not list: withhold that consent, or reject the record."""
    duplicates: Literal["latest", "strictest"] = "latest"
    """Records of one contact: the latest by `at` (equal or unknown times: the strictest), or always the strictest."""
    resubscribe: Literal["never", "with_newer_evidence"] = "never"
    """From OPT_OUT to OPT_IN: never, or where `at` is newer than the opt-out."""
    require_evidence: tuple[StatusWord, ...] = ()
    """Statuses that are held without both `at` and `source`, such as [OPT_IN]."""
    suppression: Suppression | None = None
    """Files of addresses, plain or as SHA-256 hex, that may only be opted out; one file's name, or a list."""
    witnesses: Annotated[tuple[Witness, ...], Field(min_length=1)] = ("export", "state", "destination")
    """Who is asked before a status is raised; `destination` reads it back."""


class Quarantine(Section):
    """How long records that failed are tried again by the mapping's next runs. Opt-outs are tried without end."""

    attempts: Annotated[int, Field(ge=1, le=1000)] = 10
    """How often a record is tried; 1: never again."""
    days: Annotated[int, Field(ge=1, le=3650)] = 30
    """For how many days after it first failed."""


class Delivery(Section):
    """How requests are sent."""

    mode: Literal["update", "create", "upsert"] | None = None
    """Only existing contacts, only new ones, or both; left out: update, and for Wix upsert."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Contacts per request; the destination may take fewer. Left out: 100, and for iVvy 200."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    """Requests under way at the same time."""
    requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The fastest pace; left out: what the vendor allows, else as fast as the destination answers."""
    canary: Annotated[int, Field(ge=1)] | None = None
    """How many items are sent and read back before the rest; a difference stops it. Left out: all go at once."""
    quarantine: Quarantine = Field(default_factory=Quarantine)
    """How long records that failed are tried again by the mapping's next runs."""


class FirstRun(Section):
    """Limits where no run of this mapping has finished before, so that there is no usual number of records."""

    max_rows: Number | None = None
    """How many records the export may have; left out: not looked at."""
    max_opt_outs: Number | None = None
    """How many contacts may be opted out; left out: not looked at."""
    max_opt_ins: Number | None = None
    """How many contacts may be opted in; left out: not looked at."""


class Guards(Section):
    """Limits that stop the run before the first write."""

    max_opt_out_share: Share = 0.05
    """The share of the contacts this run knows that may go from OPT_IN to OPT_OUT; 1 switches the guard off."""
    max_opt_in_share: Share = 0.20
    """The share of the contacts this run knows that may be raised to OPT_IN; 1 switches the guard off."""
    max_reject_share: Share = 0.10
    """The share of the records that may be rejected; 1 switches the guard off."""
    row_count_change: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = 0.30
    """How far the number of records may be from the median of the last runs, as a share of it; null: not looked at."""
    max_opt_outs: Number | None = None
    """How many contacts may be opted out, whatever they were before and however few there are; null: not looked at."""
    max_opt_ins: Number | None = None
    """How many contacts may be opted in, whatever they were before and however few there are; null: not looked at."""
    first_run: FirstRun | None = None
    """Limits where no run of this mapping has finished before, beside all others."""


class Mapping(Section):
    """Maps the columns of one export to the attributes and consents of one destination."""

    version: Annotated[Literal[1], BeforeValidator(native)]
    """The version of this format."""
    destination: Destination
    """Where the contacts go."""
    options: Annotated[dict[str, Any], BeforeValidator(native)] = Field(default_factory=dict)
    """The destination's own settings, checked by the destination."""
    source: Source = Source()
    """How the export is written."""
    policy: Policy = Policy()
    """What is done where consent is at stake."""
    delivery: Delivery = Delivery()
    """How requests are sent."""
    guards: Guards = Guards()
    """Limits that stop the run before the first write."""
    identity: Annotated[Identity, Field(validate_default=True)] = Identity()
    """What tells one contact from another; Wix needs none, since the address is the identity."""
    addresses: dict[Channel, Address] = Field(default_factory=dict)
    """What each channel is reached by."""
    attributes: dict[str, AttributeColumn] = Field(default_factory=dict)
    """The destination's attribute (or field) and the column it is filled from."""
    consent: Annotated[Consent | None, Field(validate_default=True)] = None
    """What consent is given for; needed unless `policy.write` is [attributes]."""
    ignore: tuple[Column, ...] = ()
    """Columns that are left alone on purpose: every column is mapped or ignored."""

    # A validator sees the sections above its own, hence their order; one that is wrong is missing from `info.data`.

    @field_validator("policy", "identity", "addresses", "attributes", "consent", "ignore")
    @classmethod
    def _fits_the_rest(cls, value: Any, info: ValidationInfo) -> Any:
        problems = tuple(crossing.across(str(info.field_name), value, info.data))
        if problems:
            raise rules.RuleError(*problems)
        return value

    def column_uses(self) -> Iterator[tuple[str, KeyPath]]:
        """Every column that the mapping refers to with the path of the key that names it, in the file's usual order."""
        yield from crossing.column_uses(self.identity, self.addresses, self.attributes, self.consent)

    def columns(self) -> tuple[str, ...]:
        """Every column that the mapping refers to, each once."""
        return tuple(dict.fromkeys(column for column, _ in self.column_uses()))
