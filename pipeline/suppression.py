"""Reads the suppression lists of a mapping: a list that is missing, unreadable or stale stops the run."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from pipeline.errors import MappingErrors
from pipeline.model import Channel
from pipeline.suppression_text import ENDING, ListText, Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.mapping_file import MappingFile, SuppressionList
    from pipeline.run_folder import Manifest
    from pipeline.stages.suppress import Entries, Listed

SKEW: Final = timedelta(days=1)
"""How far in the future a list may be dated: clocks and time zones differ."""


class ListFacts(BaseModel):
    """What a list was when it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    """As the mapping names it."""
    path: str
    sha256: str
    entries: int
    hashed: int
    as_of: str
    """ISO 8601; by the list's own line, or else by the time of its file."""
    says_so: bool
    """Whether the list says itself how old it is."""
    age_days: float
    max_age_days: float | None
    channels: list[str] | None
    held: int = 0
    """Contacts that something was withheld from because of it."""

    def line(self) -> str:
        """For people."""
        limit = "no limit" if self.max_age_days is None else f"limit {self.max_age_days:g}"
        meant = "" if self.channels is None else f", for {', '.join(self.channels)}"
        return (
            f"suppression list {self.file}{meant}: {self.entries:,} entries, {self.hashed:,} of them hashed; "
            f"{self.age_days:.1f} days old ({limit})"
        )


@dataclass(frozen=True, slots=True)
class Lists:
    """All lists of a mapping, in its order."""

    listed: tuple[Listed, ...] = ()
    facts: tuple[ListFacts, ...] = ()


def load(file: MappingFile, now: datetime) -> Lists:
    """Reads every list of a mapping. Raises MappingErrors with all that cannot be used."""
    folder = file.path.absolute().parent
    return _load(file, [folder / entry.file for entry in file.mapping.policy.suppression or ()], now)


def load_from(paths: Sequence[Path], file: MappingFile, now: datetime) -> Lists:
    """The lists of a mapping at these paths. Raises MappingErrors."""
    return _load(file, list(paths), now)


def load_again(manifest: Manifest, file: MappingFile, now: datetime) -> Lists:
    """The lists of a plan as they are now; `file` is the run folder's copy of the mapping. Raises MappingErrors."""
    planned = replace(file, path=Path(manifest.mapping))
    return _load(planned, [Path(facts.path) for facts in manifest.suppression], now)


def _load(file: MappingFile, paths: list[Path], now: datetime) -> Lists:
    from pipeline.stages.suppress import Listed

    found, problems = [], []
    entries = file.mapping.policy.suppression or ()
    for number, (entry, path) in enumerate(zip(entries, paths, strict=True)):
        try:
            found.append(_read(entry, path, _regions(file, entry), now))
        except Unusable as problem:
            place = ("policy", "suppression", number)
            problems.append(file.error(place if place in file.lines else place[:2], str(problem)))
    if problems:
        raise MappingErrors(problems)
    listed = [Listed(said.digests, entry.channels) for entry, (said, _) in zip(entries, found, strict=True)]
    return Lists(tuple(listed), tuple(facts for _, facts in found))


def _read(
    entry: SuppressionList, path: Path, regions: tuple[str | None, ...], now: datetime
) -> tuple[Entries, ListFacts]:
    from pipeline.stages.suppress import parse

    if path.exists() and not path.is_file():
        raise Unusable(f"the suppression list {path} is not a regular file; {ENDING}")
    try:
        with path.open("rb") as file:
            text = ListText(file, path)
            said = parse(text.chunks(), regions)
            written = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    except UnicodeDecodeError as error:
        raise Unusable(
            f"the suppression list {path} is not UTF-8 text (lines {text.lines + 1:,} and after); save it as that, and "
            f"unpack it where it is packed; {ENDING}"
        ) from error
    except OSError as error:
        reason = error.strerror or error
        raise Unusable(f"the suppression list {path} cannot be read ({reason}); {ENDING}") from None
    if text.blank:
        raise Unusable(
            f"the suppression list {path} is empty, as after a transfer that failed; if it is meant to list nobody, "
            f"give it a line that begins with #; {ENDING}"
        )
    if not said.unreadable.is_empty():
        raise Unusable(
            f"{said.unreadable.len():,} lines of the suppression list {path}, the first of them line "
            f"{said.unreadable.item(0)}, are no address{_unread(regions)} and no SHA-256; it has one a line and no "
            f"other columns; {ENDING}"
        )
    as_of = _instant(text.as_of, path) if text.as_of is not None else written
    _require_fresh(entry, path, as_of, now, says_so=text.as_of is not None)
    facts = ListFacts(
        file=entry.file,
        path=str(path),
        sha256=text.digest.hexdigest(),
        entries=said.entries,
        hashed=said.hashed,
        as_of=as_of.isoformat(),
        says_so=text.as_of is not None,
        age_days=round((now - as_of) / timedelta(days=1), 2),
        max_age_days=entry.max_age_days,
        channels=None if entry.channels is None else [str(channel) for channel in entry.channels],
    )
    return said, facts


def _regions(file: MappingFile, entry: SuppressionList) -> tuple[str | None, ...]:
    """What the phone numbers of a list are read by: the regions of the export's. Empty: nobody is called or texted."""
    mapping = file.mapping
    phones = {channel for channel in Channel if channel is not Channel.EMAIL}
    targets = mapping.consent.targets() if mapping.consent else ()
    spoken = {channel for _, channel, _ in targets} | set(mapping.addresses)
    if not phones & set(entry.channels or phones) or not spoken & {None, *phones}:
        return ()
    regions = {address.region for channel, address in mapping.addresses.items() if channel in phones}
    return tuple(sorted(regions - {None}, key=str)) or (None,)


def _unread(regions: tuple[str | None, ...]) -> str:
    """How the phone numbers were read, where that may be what is wrong with them."""
    named = [region for region in regions if region is not None]
    if named:
        return f" (phone numbers are read as of {', '.join(named)}, or with + and country code)"
    return " (phone numbers need + and country code)" if regions else ""


def _instant(text: str, path: Path) -> datetime:
    """A time without zone is in UTC, and a day begins at midnight: a list is not taken to be younger than it is."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Unusable(
            f"the suppression list {path} says `as of: {text[:40]}`, which is no ISO date or time; {ENDING}"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _require_fresh(entry: SuppressionList, path: Path, as_of: datetime, now: datetime, *, says_so: bool) -> None:
    if entry.max_age_days is None:
        return
    by = "its own line" if says_so else "the time of its file"
    dated = f"as of {as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC, by {by}"
    if as_of - now > SKEW:
        raise Unusable(f"the suppression list {path} is dated in the future ({dated}): its age is unknown; {ENDING}")
    age = (now - as_of) / timedelta(days=1)
    if age > entry.max_age_days:
        raise Unusable(
            f"the suppression list {path} is {age:.1f} days old ({dated}), and `max_age_days` is "
            f"{entry.max_age_days:g}; put a newer one there: {ENDING}"
        )
