"""Reads the `consent` object of a row, whether the schema has already held it to its types or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.sandbox.acoustic_connect.audience import CHANNELS, STATUSES
from pipeline.sandbox.acoustic_connect.coercion import listed
from pipeline.sandbox.acoustic_connect.refusals import Code, RefusedError, bad_input

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class ChannelEntry:
    """A status for a channel; None clears it."""

    channel: str
    status: str | None


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A status for all of a group's channels (`whole`), or for the channels it names."""

    group_id: str
    whole: bool
    status: str | None
    channels: tuple[ChannelEntry, ...]


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What one row says about consent."""

    channels: tuple[ChannelEntry, ...] = ()
    groups: tuple[GroupEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentReader:
    """Reads consent objects of one API generation; `creating` rules out null statuses (AC-06)."""

    generation: str
    creating: bool

    def read(self, consent: JsonValue) -> ConsentRequest:
        """Raises RefusedError for an unknown field, channel or status."""
        if consent is None:
            return ConsentRequest()
        fields = _fields(consent, "channels", "consentGroups")
        return ConsentRequest(
            tuple(self._channel(entry) for entry in listed(fields.get("channels"))),
            tuple(self._group(entry) for entry in listed(fields.get("consentGroups"))),
        )

    def _channel(self, entry: JsonValue) -> ChannelEntry:
        fields = _fields(entry, "channel", "status")
        channel = fields.get("channel")
        if channel not in CHANNELS[self.generation]:
            raise RefusedError(Code.INVALID_CHANNEL_TYPE, f"Invalid channel type: {channel}")
        return ChannelEntry(str(channel), self._status(fields.get("status"), given="status" in fields))

    def _group(self, entry: JsonValue) -> GroupEntry:
        fields = _fields(entry, "consentGroupId", "status", "channels")
        group_id = fields.get("consentGroupId")
        if not isinstance(group_id, str):
            raise bad_input("A consent group needs its consentGroupId")
        # In the current generation a null status of a group counts as not given; in the older one it clears.
        whole = "status" in fields and (fields["status"] is not None or self.generation == "dataset")
        channels = tuple(self._channel(channel) for channel in listed(fields.get("channels")))
        if not whole and not channels:
            raise bad_input(f"Consent group {group_id} has neither status nor channels")
        return GroupEntry(group_id, whole, self._status(fields.get("status"), given=True) if whole else None, channels)

    def _status(self, status: JsonValue, *, given: bool) -> str | None:
        if status is None:
            if self.creating or self.generation == "current" or not given:
                raise bad_input("A consent status is missing")
            return None
        if status not in STATUSES:
            raise bad_input(f"Invalid consent status: {status}")
        return str(status)


def _fields(value: JsonValue, *names: str) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise bad_input("Consent input is not an object")
    for name in value:
        if name not in names:
            raise RefusedError(Code.INVALID_CONSENT_FIELD_NAME, f"Invalid consent field name: {name}")
    return value
