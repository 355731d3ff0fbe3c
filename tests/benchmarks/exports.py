"""Deterministic exports of any size: 8 columns, 97 % of the records in order, 3 % odd in the ways that exports are.

Nobody is in them: addresses are of example.com and example.org, phone numbers of the exchange 555.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl

COLUMNS: Final = (
    "contact_id",
    "email",
    "mobile",
    "first_name",
    "last_name",
    "email_opt_in",
    "email_opt_in_at",
    "sms_opt_in",
)
SHORT_FIELDS: Final = 6
VERSION: Final = 1
"""Part of the cached files' names: raise it when the content changes."""
CHUNK_RECORDS: Final = 500_000
LINES_PER_AREA: Final = 10_000
STRIDE: Final = 1_000_003
"""A prime: steps through all numbers of all areas before one comes again."""
BROKEN_PHONE, UNLISTED, DUPLICATE, SHORT = 10, 15, 25, 30
"""Upper ends of stretches of a thousand records: 1 %, 0.5 %, 1 %, 0.5 %."""
CHANGED_PER_THOUSAND: Final = 5
FARTHEST_DUPLICATE: Final = 1000
FIRST_CONSENT: Final = datetime(2019, 1, 1, tzinfo=UTC)
YEARS: Final = 5
LAST_NIGHT: Final = datetime(2025, 1, 1, tzinfo=UTC)
DAY_SECONDS: Final = 86_400

FIRST_NAMES: Final = (
    "Amara",
    "Ben",
    "Carla",
    "Dmitri",
    "Elena",
    "Farid",
    "Grace",
    "Hugo",
    "Irene",
    "Jonas",
    "Keiko",
    "Liam",
    "Marta",
    "Omar",
    "Priya",
    "Renée",
    "Søren",
    "Tessa",
    "Zoë",
)
LAST_NAMES: Final = (
    "Abara",
    "Baker",
    "Castillo",
    "Fischer",
    "Garcia",
    "Huang",
    "Ivanov",
    "Jensen",
    "Müller",
    "Nguyen",
    "Núñez",
    "O'Brien",
    "Patel",
    "Rossi",
    "Sato",
    "Thompson",
    "Van-Dyke",
    '"Reed, Jr."',
)
MAILBOX_NAMES: Final = ("ann", "bob", "cy", "dee", "eve", "flo", "gus", "hal", "ida", "jon", "kim", "lee", "mia", "ned")
NATIONAL_SHAPES: Final = ("({}) 555-{}", "{}-555-{}", "{}.555.{}", "{}555{}")
PHONE_SHAPES: Final = (*NATIONAL_SHAPES, "+1 {} 555 {}")


def cached_export(records: int, *, night: int = 0) -> Path:
    """The export in the machine's temporary folder; made the first time.

    `night` 1: half a percent of the records has changed since night 0.
    """
    folder = Path(tempfile.gettempdir()) / "consent-sync-benchmarks"
    path = folder / f"contacts-{records}-{night}-v{VERSION}.csv"
    if not path.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        write_export(temporary, records, night=night)
        temporary.replace(path)
    return path


def write_export(path: Path, records: int, *, night: int = 0) -> None:
    """Writes the export, a chunk at a time; the same arguments give the same bytes."""
    areas = _areas()
    with path.open("wb") as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for start in range(0, records, CHUNK_RECORDS):
            count = min(CHUNK_RECORDS, records - start)
            lines(start + 1, count, areas, night=night).write_csv(file, include_header=False, quote_style="never")


def lines(first: int, count: int, areas: list[str], *, night: int = 0) -> pl.DataFrame:
    """The records `first` and following as lines of csv."""
    record = pl.int_range(first, first + count, dtype=pl.Int64, eager=True).alias("record").to_frame()
    kind = _mixed("record", 1) % 1000
    is_duplicate = kind.is_between(UNLISTED, DUPLICATE - 1) & (pl.col("record") > FARTHEST_DUPLICATE)
    earlier = pl.col("record") - 1 - _mixed("record", 2) % FARTHEST_DUPLICATE
    changed = (kind >= SHORT) & (_mixed("record", 3) % 1000 < (CHANGED_PER_THOUSAND if night else 0))
    frame = record.with_columns(
        kind.alias("kind"),
        pl.when(is_duplicate).then(earlier).otherwise("record").alias("contact"),
        changed.alias("changed"),
    )
    fields = [
        pl.format("C{}", pl.col("contact").cast(pl.String).str.zfill(9)),
        _email(),
        _mobile(areas),
        _picked(FIRST_NAMES, _mixed("contact", 4) + pl.col("changed").cast(pl.Int64)),
        _picked(LAST_NAMES, _mixed("contact", 5)),
        *_email_consent(),
        _picked(("true", "true", "true", "false", ""), _mixed("record", 6)),
    ]
    whole, short = (pl.concat_str(some, separator=",") for some in (fields, fields[:SHORT_FIELDS]))
    is_short = pl.col("kind").is_between(DUPLICATE, SHORT - 1)
    return frame.select(pl.when(is_short).then(short).otherwise(whole).alias("line"))


def addresses(contacts: int) -> tuple[pl.Series, pl.Series]:
    """Phone numbers and e-mail addresses, each there once: as in the exports, but none broken and all national."""
    contact = pl.int_range(1, contacts + 1, dtype=pl.Int64, eager=True).alias("contact").to_frame()
    made = contact.with_columns(kind=pl.lit(SHORT)).select(phone=_mobile(_areas(), NATIONAL_SHAPES), email=_email())
    return made["phone"], made["email"]


def _mixed(column: str, salt: int) -> pl.Expr:
    """A number of 24 bits that follows from the column's; polars' own hash differs between versions."""
    return (pl.col(column) * 2_654_435_761 + salt * 974_711_993) % 2**32 // 2**8


def _picked(words: tuple[str, ...], number: pl.Expr) -> pl.Expr:
    return (number % len(words)).replace_strict(dict(enumerate(words)), return_dtype=pl.String)


def _email() -> pl.Expr:
    name, domain = _picked(MAILBOX_NAMES, _mixed("contact", 7)), pl.when(_mixed("contact", 8) % 4 > 0)
    domain_name = domain.then(pl.lit("example.com")).otherwise(pl.lit("Example.org"))
    return pl.format("{}.{}@{}", name, pl.col("contact"), domain_name)


def _mobile(areas: list[str], shapes: tuple[str, ...] = PHONE_SHAPES) -> pl.Expr:
    """Valid national numbers with punctuation, each once in 3.8 million contacts; the broken ones lack three digits."""
    number = pl.col("contact") * STRIDE % (len(areas) * LINES_PER_AREA)
    area = _picked(tuple(areas), number // LINES_PER_AREA)
    line = (number % LINES_PER_AREA).cast(pl.String).str.zfill(4)
    is_broken = pl.col("kind") < BROKEN_PHONE
    line = pl.when(is_broken).then(line.str.head(1)).otherwise(line)
    shape = _mixed("contact", 9) % len(shapes)
    return pl.coalesce(pl.when(shape == index).then(pl.format(form, area, line)) for index, form in enumerate(shapes))


def _email_consent() -> tuple[pl.Expr, pl.Expr]:
    """The cell and its time; a change withdraws the consent."""
    word = _picked(("Y",) * 7 + ("N",) * 2 + ("",), _mixed("record", 10))
    word = pl.when(pl.col("kind").is_between(BROKEN_PHONE, UNLISTED - 1)).then(pl.lit("maybe")).otherwise(word)
    word = pl.when("changed").then(pl.lit("N")).otherwise(word)
    seconds = _mixed("record", 11) * 10 % (YEARS * 365 * DAY_SECONDS)
    long_ago = pl.lit(FIRST_CONSENT) + pl.duration(seconds=seconds)
    last_night = pl.lit(LAST_NIGHT) + pl.duration(seconds=seconds % DAY_SECONDS)
    at = pl.when("changed").then(last_night).otherwise(long_ago)
    return word, pl.when(word != "").then(at.dt.strftime("%Y-%m-%dT%H:%M:%SZ")).otherwise(pl.lit(""))


def _areas() -> list[str]:
    """The area codes of the United States."""
    import phonenumbers

    numbers = {str(code): phonenumbers.parse(f"+1{code}5550100") for code in range(200, 1000)}
    return [
        code
        for code, number in numbers.items()
        if phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) == "US"
    ]


def main() -> None:
    """Makes one cached export and says where it is."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("records", type=int)
    parser.add_argument("--night", type=int, default=0)
    given = parser.parse_args()
    sys.stdout.write(f"{cached_export(given.records, night=given.night)}\n")


if __name__ == "__main__":
    main()
