"""What all parts of a mapping have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from pipeline.mapping import words

Text = Annotated[str, Field(min_length=1)]
Column = Text
"""A column's name, exactly as in the export's header."""
Cell = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
StatusWord = Annotated[
    str, AfterValidator(words.status_word), WithJsonSchema({"type": "string", "enum": words.STATUS_WORDS})
]


class Section(BaseModel):
    """A part of a mapping: inert, and without room for keys that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _or_name(schema: dict[str, Any]) -> None:
    whole = dict(schema)
    schema.clear()
    schema |= {key: whole.pop(key) for key in ("title", "description")}
    schema["anyOf"] = [{"type": "string", "minLength": 1, "description": "The column alone."}, whole]


class ByColumn(Section):
    """A section that may be given as the name of its column alone: `email` stands for `{column: email}`."""

    model_config = ConfigDict(json_schema_extra=_or_name)

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"column": value} if isinstance(value, str) else value
