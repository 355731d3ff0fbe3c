"""The JSON Schema that editors use says what the program does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from ruamel.yaml import YAML

from pipeline import mapping_file as mf

FULL = Path(__file__).with_name("full.yaml")
SCHEMA_FILE = Path(__file__).parents[2] / "mappings" / "mapping.schema.json"


def test_the_schema_file_is_current() -> None:
    """`consent-sync schema` prints what editors use."""
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == mf.json_schema()


def test_the_schema_accepts_what_the_program_accepts() -> None:
    """The full example with its shorthands is valid, and a wrong key is not."""
    validator = jsonschema.Draft202012Validator(mf.json_schema())
    data = YAML(typ="safe", pure=True).load(
        FULL.read_text(encoding="utf-8").replace("NULL", "'NULL'").replace("2024", "'2024'")
    )
    assert [error.message for error in validator.iter_errors(data)] == []
    data["consent"]["channels"]["EMAIL"]["vaules"] = {}
    assert len(list(validator.iter_errors(data))) == 1


def test_every_key_of_the_schema_is_described() -> None:
    """Hovering over a key in an editor says what it is for: at the key, or at what it refers to."""

    def undescribed(schema: Any, path: str) -> list[str]:
        if isinstance(schema, list):
            return [found for item in schema for found in undescribed(item, path)]
        if not isinstance(schema, dict):
            return []
        named = {**schema.get("properties", {}), **schema.get("$defs", {})}
        here = [f"{path}.{key}" for key, below in named.items() if not {"description", "$ref"} & below.keys()]
        return here + [found for key, below in schema.items() for found in undescribed(below, f"{path}.{key}")]

    schema = mf.json_schema()
    assert undescribed(schema, "") == []
    assert len(schema["properties"]) == 12
