"""The error codes of the API and the exceptions that carry them to the answer."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Code(StrEnum):
    """Codes that the vendor documents, that were observed, or that GraphQL servers commonly use."""

    ATTRIBUTE_NOT_DEFINED = "ATTRIBUTE_NOT_DEFINED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    CHANNELS_ALREADY_ASSIGNED = "CHANNELS_ALREADY_ASSIGNED"
    CHANNELS_DUPLICATE_PROVIDED = "CHANNELS_DUPLICATE_PROVIDED"
    CHANNEL_NOT_DEFINED = "CHANNEL_NOT_DEFINED"
    CONSENT_GROUP_NOT_FOUND = "CONSENT_GROUP_NOT_FOUND"
    CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE = "CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE"
    CONTACT_DELETE_FAILED = "CONTACT_DELETE_FAILED"
    CONTACT_NOT_FOUND_BY_KEY = "CONTACT_NOT_FOUND_BY_KEY"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
    INVALID_ATTRIBUTE_VALUE = "INVALID_ATTRIBUTE_VALUE"
    INVALID_CHANNEL_TYPE = "INVALID_CHANNEL_TYPE"
    INVALID_CONSENT_FIELD_NAME = "INVALID_CONSENT_FIELD_NAME"


class RefusedError(Exception):
    """A row, or a whole call, that the API does not accept."""

    def __init__(self, code: str, message: str, category: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.category = category

    @property
    def extensions(self) -> dict[str, str]:
        """The `extensions` object of the answer."""
        return {"code": self.code} | ({"category": self.category} if self.category else {})


class BatchRefusedError(Exception):
    """The refusals that the answer to one mutation lists."""

    def __init__(self, refusals: Sequence[RefusedError]) -> None:
        super().__init__(f"{len(refusals)} rows refused")
        self.refusals = tuple(refusals)


def bad_input(message: str) -> RefusedError:
    """A refusal for input that fits the schema and still makes no sense."""
    return RefusedError(Code.BAD_USER_INPUT, message)
