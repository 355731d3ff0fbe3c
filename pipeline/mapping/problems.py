"""Says in sentences of ours what pydantic found: what is there, what is allowed, and what was probably meant."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from pipeline.mapping.rules import RuleError
from pipeline.mapping.schema import Mapping
from pipeline.mapping.words import allowed
from pipeline.mapping.yaml_source import shown
from pipeline.model import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from pipeline.mapping.rules import Problem
    from pipeline.mapping.yaml_source import KeyPath

KEY: Final = "[key]"
"""What pydantic appends to the path where a key, not its value, is wrong."""

NEEDED: Final = {
    "string_type": "text is needed",
    "string_unicode": "the text has characters that cannot be stored",
    "string_too_short": "it may not be empty",
    "too_short": "at least one is needed",
    "tuple_type": "a list is needed, such as [a, b]",
    "dict_type": "keys with values are needed",
    "model_type": "keys with values are needed",
    "int_type": "a whole number is needed",
    "int_parsing": "a whole number is needed",
    "int_parsing_size": "a whole number is needed",
    "int_from_float": "a whole number is needed",
    "float_type": "a number is needed",
    "float_parsing": "a number is needed",
    "finite_number": "a number is needed",
    "greater_than": "it must be more than {gt:g}",
    "greater_than_equal": "it must be at least {ge:g}",
    "less_than_equal": "it must be at most {le:g}",
}


def problems(detail: ErrorDetails, model: type[BaseModel] = Mapping) -> Iterator[Problem]:
    """The problems that one finding stands for, each with its path from the top of what the model describes."""
    path: KeyPath = detail["loc"]
    if (
        path[-1:] == (KEY,)
        and detail["type"] != "extra_forbidden"
        and get_origin(_annotation_at(path[:-2], model)) is dict
    ):
        path = path[:-1]
    error = detail.get("ctx", {}).get("error")
    if detail["type"] == "too_short" and detail["input"]:
        return  # It holds something; that each item is wrong is said at the item.
    if isinstance(error, RuleError):
        yield from ((path + below, text) for below, text in error.problems)
    else:
        yield path, _sentence(detail, path, model)


def _sentence(detail: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    kind, found = detail["type"], detail["input"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "extra_forbidden":
        keys = list(_annotation_at(path[:-1], model).model_fields)
        return f"unknown key {shown(path[-1])}" + allowed(keys, found=str(path[-1]))
    if kind == "enum":
        return f"unknown channel {shown(found)}" + allowed(list(Channel), found=str(found))
    choices = _choices(path, model)
    if kind == "missing":
        return "missing" + (allowed(choices) if choices else "; it is needed")
    if kind == "literal_error":
        return f"found {shown(found)}" + allowed(choices, found=str(found))
    needed = NEEDED.get(kind)
    return f"found {shown(found)}; " + (needed.format_map(detail.get("ctx", {})) if needed else detail["msg"])


def _choices(path: KeyPath, model: type[BaseModel]) -> list[str]:
    annotation = _annotation_at(path, model)
    return [str(choice) for choice in get_args(annotation)] if get_origin(annotation) is Literal else []


def _annotation_at(path: KeyPath, model: type[BaseModel]) -> Any:
    """What the schema says of the place: a model, a dict, a tuple, a Literal or a plain type."""
    here: Any = model
    for step in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[str(step)].annotation
        else:
            arguments = get_args(here)
            here = arguments[0] if get_origin(here) is tuple else arguments[-1]
        here = _bare(here)
    return here


def _bare(annotation: Any) -> Any:
    """The annotation without its metadata and without `| None`."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(option for option in get_args(annotation) if option is not types.NoneType)
        else:
            return annotation
