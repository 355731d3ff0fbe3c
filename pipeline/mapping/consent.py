"""The sections of a mapping that say what consent is given for, when and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.mapping import rules, words
from pipeline.mapping.section import ByColumn, Cell, Column, Section, StatusWord, Text
from pipeline.model import Channel  # noqa: TC001 - pydantic reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.mapping.yaml_source import KeyPath

Cells = Annotated[tuple[Cell, ...], Field(min_length=1)]


class At(ByColumn):
    """When consent was given or withdrawn."""

    column: Column
    """The column that holds the time."""
    format: Text | None = None
    """How the time is written, such as "%d/%m/%Y %H:%M"; left out: ISO 8601."""
    timezone: Annotated[str, AfterValidator(words.timezone)] = "UTC"
    """The time zone of times without an offset, such as Europe/Berlin."""

    @model_validator(mode="after")
    def _format_fits(self) -> Self:
        rules.check_format(self.format, "date")
        return self


class Evidence(ByColumn):
    """How consent was given or withdrawn."""

    column: Column | None = None
    """The column that says it."""
    const: Text | None = None
    """The same for every record, such as "store form"."""
    values: dict[str, Cells] | None = None
    """Wix: the source's word and the cells that stand for it, such as {FORM: [web, app]}."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        rules.check_one_of(self, ("column", "const"))
        rules.check_values(self.values, required=False, column=self.column)
        return self


class Target(Section):
    """One thing that consent is given for, and where its status comes from."""

    WAYS: ClassVar[tuple[str, ...]] = ("column", "const")
    column: Column | None = None
    """The column that holds the consent."""
    values: dict[StatusWord, Cells] | None = None
    """Status and the cells that stand for it, compared trimmed and without case. Other cells are never guessed."""
    silent: Cells | None = None
    """Cells that say nothing, like a blank one: the `no` of a column that only knows who opted out."""
    const: StatusWord | None = None
    """The same status for every record, such as OPT_OUT for a list of unsubscribes."""
    at: At | None = None
    """When consent was given or withdrawn."""
    source: Evidence | None = None
    """How consent was given or withdrawn."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        rules.check_target(self)
        return self

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses that this target can lead to."""
        return (self.const,) if self.const is not None else tuple(self.values or ())


class GroupTarget(Target):
    """Consent for a group: one status for all of its channels (AC-04), or `channels` only (AC-05)."""

    WAYS = (*Target.WAYS, "channels")
    channels: Annotated[dict[Channel, Target], Field(min_length=1)] | None = None
    """Only these channels of the group, each with its own column."""


class Consent(Section):
    """What consent is given for: `channels` or `groups`, never both (AC-11)."""

    channels: Annotated[dict[Channel, Target], Field(min_length=1)] | None = None
    """Channel and where its status comes from."""
    groups: Annotated[dict[str, GroupTarget], Field(min_length=1)] | None = None
    """Group, by name or id, and where its status comes from."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        rules.check_one_of(self, ("channels", "groups"))
        return self

    def targets(self) -> Iterator[tuple[KeyPath, Channel | None, Target]]:
        """Every target with its path below `consent`; the channel is None where a group's status is for all."""
        for channel, target in (self.channels or {}).items():
            yield ("channels", channel.value), channel, target
        for name, group in (self.groups or {}).items():
            if group.channels is None:
                yield ("groups", name), None, group
            for channel, target in (group.channels or {}).items():
                yield ("groups", name, "channels", channel.value), channel, target
