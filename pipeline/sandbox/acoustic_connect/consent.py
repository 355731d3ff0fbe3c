"""Consent: what a request may say about one contact, and what becomes of the stored statuses (AC-03 to AC-11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.sandbox.acoustic_connect.consent_input import ChannelEntry, ConsentRequest, GroupEntry
from pipeline.sandbox.acoustic_connect.refusals import Code, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.sandbox.acoustic_connect.audience import Audience
    from pipeline.sandbox.acoustic_connect.contact import Contact
    from pipeline.sandbox.acoustic_connect.settings import Settings

GroupChannel = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at beside the request."""

    audience: Audience
    settings: Settings
    creating: bool
    addressed: frozenset[str]
    """The channels for which the contact has an address once this row's attributes are in."""


@dataclass(frozen=True, slots=True)
class ConsentWrites:
    """The statuses to store; None clears one."""

    channels: dict[str, str | None]
    groups: dict[GroupChannel, str | None]

    def speaks_of(self, channel: str) -> bool:
        """Whether the request said anything for a channel, by whichever route."""
        return channel in self.channels or any(name == channel for _, name in self.groups)


def settle(request: ConsentRequest, situation: Situation) -> ConsentWrites:
    """Check a request against the rules. Raises RefusedError with the code of the first rule broken."""
    _refuse_two_routes(request, situation)
    _refuse_doubles(request.channels)
    for group in request.groups:
        _check_group(group, situation.audience)
    for entry in request.channels:
        _check_channel(entry, situation.audience)
    channels = {entry.channel: entry.status for entry in request.channels}
    groups = _unique_group_writes(request.groups, situation)
    for _, channel in groups:
        if channel in channels:
            raise _already_assigned(channel)
    for entry in request.channels:
        _check_address(entry, situation)
    return ConsentWrites(channels, groups)


def store_consent(contact: Contact, writes: ConsentWrites, situation: Situation, *, existed: bool) -> None:
    """Change the contact's statuses in place, with what follows from them (A10 to A13)."""
    settings = situation.settings
    before = contact.copy()
    for channel, status in writes.channels.items():
        _put(contact.channels, channel, status)
        if status == "OPT_OUT" and settings.channel_opt_out_cascades:
            for statuses in contact.groups.values():
                if channel in statuses:
                    statuses[channel] = "OPT_OUT"
    for (group_id, channel), status in writes.groups.items():
        _put(contact.groups.setdefault(group_id, {}), channel, status)
    for channel in dict.fromkeys(channel for _, channel in writes.groups):
        _let_groups_set_channel(contact, channel, settings)
    contact.groups = {group_id: statuses for group_id, statuses in contact.groups.items() if statuses}
    if situation.creating and existed and settings.opt_out_guard:
        _restore_opt_outs(contact, before)
    opts_in = settings.opts_email_in and situation.creating and not existed
    if opts_in and "EMAIL" in situation.addressed and not writes.speaks_of("EMAIL"):
        contact.channels["EMAIL"] = "OPT_IN"


def _already_assigned(channel: str) -> RefusedError:
    return RefusedError(Code.CHANNELS_ALREADY_ASSIGNED, f"Channel already assigned: {channel}")


def _unset(channel: str) -> RefusedError:
    return RefusedError(Code.CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE, f"No address stored for channel {channel}")


def _refuse_two_routes(request: ConsentRequest, situation: Situation) -> None:
    exclusive = situation.creating or situation.settings.exclusive_consent_on_update
    if request.channels and request.groups and exclusive:
        raise _already_assigned(request.channels[0].channel)
    for group in request.groups:
        if group.whole and group.channels:
            raise _already_assigned(group.channels[0].channel)


def _refuse_doubles(entries: Iterable[ChannelEntry]) -> None:
    seen = set[str]()
    for entry in entries:
        if entry.channel in seen:
            raise RefusedError(Code.CHANNELS_DUPLICATE_PROVIDED, f"Channel given more than once: {entry.channel}")
        seen.add(entry.channel)


def _check_channel(entry: ChannelEntry, audience: Audience) -> None:
    if entry.channel not in audience.channels:
        raise RefusedError(Code.CHANNEL_NOT_DEFINED, f"Channel not defined in the audience: {entry.channel}")


def _check_group(group: GroupEntry, audience: Audience) -> None:
    if group.group_id not in audience.groups:
        raise RefusedError(Code.CONSENT_GROUP_NOT_FOUND, f"Consent group not found: {group.group_id}")
    _refuse_doubles(group.channels)
    for entry in group.channels:
        _check_channel(entry, audience)
        if entry.channel not in audience.group_channels(group.group_id):
            raise RefusedError(Code.INVALID_CHANNEL_TYPE, f"Invalid channel type: {entry.channel}")


def _check_address(entry: ChannelEntry, situation: Situation) -> None:
    if entry.channel in situation.addressed:
        return
    spared = situation.creating and entry.status == "OPT_OUT" and not situation.settings.create_opt_out_needs_address
    if not spared:
        raise _unset(entry.channel)


def _unique_group_writes(groups: Iterable[GroupEntry], situation: Situation) -> dict[GroupChannel, str | None]:
    writes: dict[GroupChannel, str | None] = {}
    for group in groups:
        for entry in _entries_of_group(group, situation):
            if (group.group_id, entry.channel) in writes:
                _refuse_doubles([entry, entry])
            writes[group.group_id, entry.channel] = entry.status
    return writes


def _entries_of_group(group: GroupEntry, situation: Situation) -> Iterator[ChannelEntry]:
    if not group.whole:
        for entry in group.channels:
            _check_address(entry, situation)
            yield entry
        return
    channels = situation.audience.group_channels(group.group_id)
    if situation.settings.group_status_scope == "addressed":
        addressed = tuple(channel for channel in channels if channel in situation.addressed)
        if not addressed:
            raise _unset(channels[0] if channels else "none")
        channels = addressed
    for channel in channels:
        yield ChannelEntry(channel, group.status)


def _put(statuses: dict[str, str], channel: str, status: str | None) -> None:
    if status is None:
        statuses.pop(channel, None)
    else:
        statuses[channel] = status


def _let_groups_set_channel(contact: Contact, channel: str, settings: Settings) -> None:
    statuses = {group[channel] for group in contact.groups.values() if channel in group}
    if "OPT_IN" in statuses:
        contact.channels[channel] = "OPT_IN"
    elif statuses == {"OPT_OUT"} and settings.all_groups_out_sets_channel:
        contact.channels[channel] = "OPT_OUT"


def _restore_opt_outs(contact: Contact, before: Contact) -> None:
    for channel, status in before.channels.items():
        if status == "OPT_OUT":
            contact.channels[channel] = status
    for group_id, statuses in before.groups.items():
        for channel, status in statuses.items():
            if status == "OPT_OUT":
                contact.groups.setdefault(group_id, {})[channel] = status
