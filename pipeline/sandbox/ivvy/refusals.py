"""The error codes of the API, the exceptions that carry them to the answer, and their two envelopes."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pydantic import JsonValue

Reason = Literal[
    "bad_json", "bad_signature", "content_type", "date", "duplicate", "forbidden", "md5_mismatch", "method",
    "missing_header", "revoked_key", "throttled", "unknown_action", "unknown_key", "unknown_namespace",
]  # fmt: skip
"""A refusal whose `specificCode` the vendor does not document."""


class Code(IntEnum):
    """The documented `specificCode`s, and one of our own for the rest."""

    PLACEHOLDER = 23000
    STALE = 23005
    INVALID = 23016
    REQUIRED = 23017
    BATCH_NOT_SAVED = 24091
    BATCH_JOB_FORMAT = 24092
    BATCH_JOB_EMPTY = 24093
    CONTACT_NOT_FOUND = 24096
    BATCH_NOT_FOUND = 24105
    BATCH_NOT_COMPLETED = 24114
    BATCH_RESULTS_NOT_FOUND = 24115
    BATCH_TOO_LARGE = 24448


class RefusedError(Exception):
    """A request, or a job of a batch, that is answered with an error; its `errorCode` is the HTTP status too."""

    def __init__(self, error_code: int, specific_code: int, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.specific_code = specific_code
        self.message = message
        self.reasons = reasons

    @property
    def label(self) -> str:
        """Both codes as the request log shows them."""
        return f"{self.error_code}/{int(self.specific_code)}"

    @property
    def document(self) -> dict[str, JsonValue]:
        """The error object of the answer."""
        codes: dict[str, JsonValue] = {
            "errorCode": self.error_code, "message": self.message, "specificCode": int(self.specific_code),
        }  # fmt: skip
        return codes | ({"additionalMessages": list(self.reasons)} if self.reasons else {})


class UnsuccessfulError(Exception):
    """A write that is answered with HTTP 200 and `success: false`."""

    label = "success_false"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def document(self) -> dict[str, JsonValue]:
        """The answer."""
        return {"success": False, "message": self.message}


def invalid(name: str, reason: str) -> RefusedError:
    """The documented refusal of a parameter's value; the vendor names the first bad parameter only."""
    return RefusedError(400, Code.INVALID, f"'{name}' does not validate", (reason,))


def missing(name: str) -> RefusedError:
    """The documented refusal where a required parameter is not given."""
    return RefusedError(400, Code.REQUIRED, f"'{name}' is required")
