"""The suppression lists of a mapping: files of addresses that may only be opted out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from pipeline.mapping.section import Section, Text
from pipeline.model import Channel  # noqa: TC001 - pydantic reads the annotations

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema


def _or_file(schema: dict[str, Any]) -> None:
    whole = dict(schema)
    schema.clear()
    schema |= {key: whole.pop(key) for key in ("title", "description")}
    schema["anyOf"] = [{"type": "string", "minLength": 1, "description": "The file alone."}, whole]


class SuppressionList(Section):
    """A file of addresses, plain or as SHA-256 hex, one a line, that may only be opted out."""

    model_config = ConfigDict(json_schema_extra=_or_file)

    file: Text
    """The list, relative to the folder of the mapping."""
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] | None = None
    """The channels that it is for; left out: every channel that the address fits."""
    max_age_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """How old the list may be, by its line `# as of: 2026-11-20` or else the time of its file; left out: any age."""

    @model_validator(mode="before")
    @classmethod
    def _file_alone(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value


class _OneOrSeveral:
    """Describes that a file's name alone stands for a list of one."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        several: dict[str, Any] = handler(core)
        return {"anyOf": [{"type": "string", "minLength": 1, "description": "One file."}, several]}


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Suppression = Annotated[tuple[SuppressionList, ...], Field(min_length=1), BeforeValidator(_several), _OneOrSeveral()]
