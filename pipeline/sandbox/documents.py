"""Reads the files that the command line names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from pipeline.sandbox.vendor import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue


def read_document(path: Path) -> JsonValue:
    """A JSON file, or YAML by its suffix. Raises SandboxError if it cannot be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxError(f"{path}: cannot be read: {error}") from error
    return _yaml(path, text) if path.suffix in {".yaml", ".yml"} else _json(path, text)


def read_object(path: Path) -> dict[str, JsonValue]:
    """A document that is an object. Raises SandboxError for any other."""
    document = read_document(path)
    if not isinstance(document, dict):
        raise SandboxError(f"{path}: an object is expected")
    return document


def _json(path: Path, text: str) -> JsonValue:
    try:
        return cast("JsonValue", json.loads(text))
    except ValueError as error:
        raise SandboxError(f"{path}: not JSON: {error}") from error


def _yaml(path: Path, text: str) -> JsonValue:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return cast("JsonValue", YAML(typ="safe").load(text))
    except YAMLError as error:
        raise SandboxError(f"{path}: not YAML: {error}") from error
