"""What a request brings, read before it is known whether it may do anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from pipeline.sandbox.wix.refusals import Code, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from pipeline.sandbox.vendor import Target

WRAPPER: Final = "marketingConsent"
"""The field of a body that holds the consent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a request that say what it is about."""

    consent_id: str
    """From the path; empty where it has none."""
    body: Mapping[str, JsonValue] | None
    """None: not a JSON object. An absent body is an empty one."""
    parameters: Mapping[str, str]

    @property
    def fields(self) -> Mapping[str, JsonValue]:
        """The body. Raises RefusedError if it is not a JSON object."""
        if self.body is None:
            raise RefusedError(400, Code.INVALID_ARGUMENT, "the body is not a JSON object")
        return self.body


def read_request(consent_id: str, target: Target, body: bytes) -> Asked:
    """Take a request apart; nothing is checked."""
    return Asked(consent_id, _object_in(body), dict(parse_qsl(target.query)))


def _object_in(body: bytes) -> Mapping[str, JsonValue] | None:
    try:
        found = json.loads(body or b"{}", parse_constant=_refused)
        if b"\\u" in body:
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair cannot be answered
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
