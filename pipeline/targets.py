"""Binds what a mapping asks consent for to the channels and groups that an audience has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import mapping_file as mf
from pipeline.job import Instant, Target, Words
from pipeline.matching import nearest
from pipeline.model import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.destinations.interface import Audience
    from pipeline.job import Path


class TargetBinder:
    """Binds the consent section; `problem` is told of every name that the audience does not have."""

    def __init__(self, consent: mf.Consent | None, audience: Audience, problem: Callable[[Path, str], None]) -> None:
        self.consent, self.audience, self.problem = consent, audience, problem

    def targets(self) -> Iterator[Target]:
        consent = self.consent
        named: dict[str, str] = {}
        for channel, given in (consent.channels or {}).items() if consent else ():
            path: Path = ("consent", "channels", channel.value)
            self._require_channel(channel, path)
            yield self._target(given, path, channel, None)
        for name, group in (consent.groups or {}).items() if consent else ():
            path = ("consent", "groups", name)
            group_id = self._group_id(name, path)
            first = named.setdefault(group_id, name)
            if first != name:
                self.problem(path, f"the group '{name}' is mapped as '{first}' already; remove one of the two")
                continue
            if group.channels:
                for channel, given in group.channels.items():
                    self._require_channel(channel, (*path, "channels", channel.value))
                    yield self._target(given, (*path, "channels", channel.value), channel, group_id)
            else:
                yield self._target(group, path, None, group_id)

    def _require_channel(self, channel: Channel, path: Path) -> None:
        if channel not in self.audience.channels:
            known = ", ".join(sorted(self.audience.channels)) or "none"
            self.problem(
                path, f"no attribute of the audience is an address of channel {channel}; its channels: {known}"
            )

    def _group_id(self, name: str, path: Path) -> str:
        groups = self.audience.groups
        if name in groups:
            return name
        ids = [group_id for group_id, group_name in groups.items() if group_name == name]
        if len(ids) != 1:
            many = f"{len(ids)} groups are named '{name}'; use the id: {', '.join(ids)}"
            none = f"the audience has no consent group '{name}'" + nearest(name, groups.values())
            self.problem(path, many if ids else none)
            return name
        return ids[0]

    def _target(self, given: mf.Target, path: Path, channel: Channel | None, group: str | None) -> Target:
        if group is None:
            key = label = str(channel)
            overlaps = [key]
        elif self.audience.groups_are_apart:
            key, label = f"member:{group}", self.audience.groups.get(group, group)
            overlaps = [key, Channel.EMAIL]
        else:
            name = self.audience.groups.get(group, group)
            of_group = [f"group:{group}:{c}" for c in sorted(self.audience.channels)]
            if channel is None:
                key, label = f"group:{group}", name
                overlaps = [key, *of_group, *sorted(self.audience.channels)]
            else:
                key, label = f"group:{group}:{channel}", f"{name}/{channel}"
                overlaps = [key, f"group:{group}", channel.value]
        return Target(
            key=key,
            label=label,
            path=path,
            status=_status_words(given),
            at=_instant(given.at),
            evidence=_evidence_words(given.source),
            channel=channel,
            group_id=group,
            overlaps=tuple(str(k) for k in overlaps),
        )


def _status_words(given: mf.Target) -> Words:
    if given.const is not None:
        return Words(constant=str(given.const))
    cells = {mf.cell_key(cell): str(status) for status, listed in (given.values or {}).items() for cell in listed}
    silent = frozenset(mf.cell_key(cell) for cell in given.silent or ())
    return Words(column=given.column, values=cells, silent=silent)


def _evidence_words(given: mf.Evidence | None) -> Words | None:
    if given is None:
        return None
    if given.const is not None:
        return Words(constant=given.const)
    cells = {mf.cell_key(cell): word for word, listed in (given.values or {}).items() for cell in listed}
    return Words(column=given.column, values=cells or None)


def _instant(given: mf.At | None) -> Instant | None:
    return Instant(given.column, given.format, given.timezone) if given else None
