"""Reads the documents that the sandbox is given, and says what is wrong with one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import BaseModel, ValidationError

from pipeline.sandbox.vendor import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import JsonValue

Switches = TypeVar("Switches", bound=BaseModel)


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


def changed_settings(base: Switches, changes: Mapping[str, JsonValue]) -> Switches:
    """A vendor's switches with some of them set. Raises SandboxError for an unknown name or value."""
    try:
        return type(base).model_validate(base.model_dump() | dict(changes))
    except ValidationError as error:
        raise SandboxError(first_fault(error)) from error


def first_fault(error: ValidationError) -> str:
    """Where a document is wrong, and how."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


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
