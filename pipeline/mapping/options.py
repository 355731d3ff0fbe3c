"""Checks what a mapping says under `options` by what its destination allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.destinations import DESTINATIONS, options_of
from pipeline.errors import MappingErrors, UsageError
from pipeline.mapping.problems import problems

if TYPE_CHECKING:
    from pipeline.mapping_file import MappingFile


def require_options(file: MappingFile) -> None:
    """Raises MappingErrors for what is wrong, UsageError for a destination that this version does not have."""
    name = file.mapping.destination
    if name not in DESTINATIONS:
        raise UsageError(f"destination '{name}' is not part of this version; it has: {', '.join(DESTINATIONS)}")
    model = options_of(name)
    try:
        model.model_validate(file.mapping.options)
    except ValidationError as error:
        found = [problem for detail in error.errors(include_url=False) for problem in problems(detail, model)]
        raise MappingErrors([file.error(("options", *path), text) for path, text in found]) from None
