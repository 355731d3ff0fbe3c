"""Marks the addresses that may only be opted out.

Everything is compared by SHA-256: of an e-mail address in lower case; of a phone number in E.164, with its plus sign or
without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.hashing import sha256
from pipeline.job import stored_of
from pipeline.model import Channel, Column, Reason
from pipeline.stages.addresses import normalise_emails, normalise_phones
from pipeline.stages.fold import address_text
from pipeline.stages.precedence import raises

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.job import Job, Target

DIGEST: Final = "digest"
REACHED: Final = "reached"
"""The channel that an address is of."""
LIST: Final = "list"
"""The number of a list, as the mapping has them."""
PREFIX: Final = "suppressed@"
FEW: Final = 50
"""A list that is so many times longer than what is looked up in it is searched, not hashed."""
_SHA256: Final = r"^[0-9a-f]{64}$"
_EMAIL: Final = r"^[^\s,;|@\p{C}]+@[^\s,;|@\p{C}]+$"
_PHONE: Final = r"^\+?[\d\s().\-/]*\d[\d\s().\-/]*$"
_HEADING: Final = r"^[a-z][a-z _-]*$"
_ENTRY: Final = "entry"
_NUMBER: Final = "number"


@dataclass(frozen=True, slots=True)
class Entries:
    """What a list says."""

    digests: pl.Series
    """SHA-256 of its addresses, each once, sorted."""
    entries: int
    """Lines that are an address or a hash."""
    hashed: int
    unreadable: pl.Series
    """Lines, from 1, that are neither: whom they are about nobody knows."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it is compared. `channels` None: every channel that the address fits."""

    digests: pl.Series
    """Sorted."""
    channels: tuple[Channel, ...] | None = None

    def is_for(self, channel: Channel) -> bool:
        """Whether the list says something of a channel."""
        return self.channels is None or channel in self.channels


def parse(chunks: Iterable[pl.Series], regions: Sequence[str | None]) -> Entries:
    """One address or hash a line; a heading, blank lines and lines that begin with # say nothing.

    `regions`: those that the export's phone numbers are read by; without any, phone numbers are of no interest.
    """
    digests, unreadable = [pl.Series(DIGEST, [], pl.Binary)], [pl.Series(_NUMBER, [], pl.Int64)]
    entries = hashed = read = 0
    begun = False
    for chunk in chunks:
        text = pl.col(_ENTRY).str.strip_chars().str.strip_chars('"').str.strip_chars().str.to_lowercase()
        numbers = pl.int_range(read + 1, read + 1 + pl.len(), dtype=pl.Int64).alias(_NUMBER)
        said = chunk.alias(_ENTRY).to_frame().select(numbers, text)
        said = said.filter((pl.col(_ENTRY) != "") & ~pl.col(_ENTRY).str.starts_with("#"))
        read += chunk.len()
        if not begun and not said.is_empty():
            begun = True
            said = said.slice(int(said.head(1).get_column(_ENTRY).str.contains(_HEADING).item()))
        hashes = said.filter(pl.col(_ENTRY).str.contains(_SHA256)).get_column(_ENTRY)
        emails = said.filter(pl.col(_ENTRY).str.contains(_EMAIL)).get_column(_ENTRY)
        others = said.filter(~pl.col(_ENTRY).str.contains(f"{_SHA256}|{_EMAIL}"))
        phones, wrong = _phones(others, regions)
        normal = normalise_emails(emails).get_column("address").drop_nulls().str.to_lowercase()
        plain = pl.concat([emails, normal.alias(_ENTRY), phones]).unique()
        digests += [_digest(plain), hashes.str.decode("hex").alias(DIGEST)]
        unreadable.append(wrong)
        entries, hashed = entries + said.height - wrong.len(), hashed + hashes.len()
    return Entries(pl.concat(digests).unique().sort(), entries, hashed, pl.concat(unreadable))


def _phones(others: pl.DataFrame, regions: Sequence[str | None]) -> tuple[pl.Series, pl.Series]:
    """The E.164 forms of the lines that are phone numbers, and the numbers of the lines that are nothing.

    What has a plus sign is meant to be international, so it is taken by its digits even where it is no valid number.
    """
    shaped = pl.col(_ENTRY).str.contains(_PHONE)
    phones = others.filter(shaped)
    if not regions:
        return phones.clear().get_column(_ENTRY), others.filter(~shaped).get_column(_NUMBER)
    readings = [normalise_phones(phones.get_column(_ENTRY), region).get_column("address") for region in regions]
    digits = pl.concat_str(pl.lit("+"), pl.col(_ENTRY).str.replace_all(r"[^0-9]", ""))
    whole = phones.select(pl.when(pl.col(_ENTRY).str.starts_with("+")).then(digits)).to_series()
    forms = pl.DataFrame([s.alias(str(n)) for n, s in enumerate([whole, *readings])])
    unread = forms.select(pl.all_horizontal(pl.all().is_null())).to_series()
    wrong = pl.concat([others.filter(~shaped), phones.filter(unread)])
    given = pl.concat([forms.to_series(n).alias(_ENTRY) for n in range(forms.width)]).drop_nulls()
    return given, wrong.get_column(_NUMBER).sort()


def _digest(texts: pl.Series) -> pl.Series:
    return texts.alias(DIGEST).to_frame().select(sha256(pl.col(DIGEST)).str.decode("hex")).to_series()


def mark(frame: pl.DataFrame, lists: Sequence[Listed], job: Job, *, stored: bool = False) -> pl.DataFrame:
    """Adds `suppressed@CHANNEL@LIST` for every channel that an address of the frame is of, and every list for it.

    `stored`: the frame is what the destination shows.
    """
    reached = reach(frame, job, stored=stored)
    marks = []
    for channel in reached.get_column(REACHED).unique(maintain_order=True):
        mine = reached.filter(pl.col(REACHED) == channel)
        for number, listed in enumerate(lists):
            if listed.is_for(Channel(channel)):
                found = mine.filter(among(mine, listed)).get_column(Column.IDENTITY)
                is_listed = pl.col(Column.IDENTITY).is_in(found.unique().implode()).fill_null(value=False)
                marks.append(is_listed.alias(f"{PREFIX}{channel}@{number}"))
    return frame.with_columns(marks).drop([stored_of(channel) for channel in Channel], strict=False)


def reach(frame: pl.DataFrame, job: Job, *, stored: bool = False) -> pl.DataFrame:
    """Identity, channel and digest of every address of a frame: those that are mapped, and `stored:CHANNEL`."""
    regions = {channel: address.region for address in job.addresses for channel in address.channels}
    given = [
        (channel, frame.select(Column.IDENTITY, address_text(pl.col(address.part)).alias(_ENTRY)))
        for address in job.addresses
        for channel in address.channels
    ]
    given += [
        (channel, frame.select(Column.IDENTITY, pl.col(stored_of(channel)).alias(_ENTRY)).explode(_ENTRY))
        for channel in Channel
        if stored_of(channel) in frame.columns
    ]
    rows = [
        texts.with_columns(form.alias(_ENTRY))
        .drop_nulls(_ENTRY)
        .select(Column.IDENTITY, pl.lit(str(channel)).alias(REACHED), _ENTRY)
        for channel, texts in given
        for form in _forms(texts.get_column(_ENTRY), channel, regions.get(channel), stored=stored)
    ]
    nobody = pl.DataFrame(schema={Column.IDENTITY: pl.String, REACHED: pl.String, _ENTRY: pl.String})
    whole = pl.concat([nobody, *rows])
    whole = whole.unique() if stored else whole
    return whole.with_columns(_digest(whole.get_column(_ENTRY))).drop(_ENTRY)


def among(reached: pl.DataFrame, listed: Listed) -> pl.Series:
    """Whether each address is on the list. A few are looked up in it; for many, polars hashes the list."""
    asked, digests = reached.get_column(DIGEST), listed.digests
    if digests.is_empty() or asked.len() * FEW > digests.len():
        return asked.is_in(digests.implode())
    at = digests.search_sorted(asked).clip(upper_bound=digests.len() - 1)
    return digests.gather(at) == asked


def _forms(texts: pl.Series, channel: Channel, region: str | None, *, stored: bool) -> Iterator[pl.Series]:
    """What an address may have been listed as. What a destination stores is not always in the form that is sent."""
    lower = texts.str.to_lowercase()
    if channel is Channel.EMAIL:
        yield lower
        if stored:
            yield normalise_emails(lower).get_column("address").str.to_lowercase()
        return
    digits = texts.str.replace_all(r"[^0-9]", "")
    digits = digits.set(digits == "", None)
    yield digits
    yield "+" + digits
    if stored:
        yield normalise_phones(texts.str.strip_chars_start("+"), region).get_column("address")


def marks(columns: Iterable[str], target: Target, number: int | None = None) -> list[str]:
    """The columns that say whether an address that the target's consent is for is on a list, or on that list."""
    steps = [(column, column.split("@")) for column in columns if column.startswith(PREFIX)]
    mine = [(column, step) for column, step in steps if target.channel in (None, step[1])]
    return [column for column, step in mine if number in (None, int(step[2]))]


def by_list(judged: pl.DataFrame, job: Job) -> dict[int, int]:
    """How many contacts something is withheld from because of each list."""
    numbers = sorted({int(column.split("@")[2]) for column in judged.columns if column.startswith(PREFIX)})
    counts = {}
    for number in numbers:
        held = [
            pl.col(t.reason).eq_missing(pl.lit(str(Reason.SUPPRESSED))) & pl.col(column).fill_null(value=False)
            for t in job.targets
            for column in marks(judged.columns, t, number)
        ]
        counts[number] = int(judged.select(pl.any_horizontal(*held, pl.lit(value=False)).sum()).item())
    return counts


def without_permissions(frame: pl.DataFrame, seen: pl.DataFrame, lists: Sequence[Listed], job: Job) -> pl.DataFrame:
    """The frame without the statuses that the lists forbid, whichever of the two sides has the address."""
    either = mark(frame, lists, job)
    shown = mark(seen, lists, job, stored=True)
    names = [column for column in shown.columns if column.startswith(PREFIX)]
    stored = shown.group_by(Column.IDENTITY).agg(pl.col(name).any().alias(f"{name}@seen") for name in names)
    either = either.join(stored, on=Column.IDENTITY, how="left", maintain_order="left")
    stays = []
    for target in job.targets:
        listed = (pl.col(c).fill_null(value=False) for c in marks(either.columns, target))
        forbidden = raises(pl.col(target.part)) & pl.any_horizontal(*listed, pl.lit(value=False))
        stays.append(pl.when(~forbidden).then(pl.col(target.part)).alias(target.part))
    return either.with_columns(stays).select(frame.columns)
