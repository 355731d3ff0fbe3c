"""What `phonenumbers` knows of each region's numbers, as polars expressions made from the library's own metadata.

`settle` judges digits where the metadata leaves one reading, and then as the library does; the rest it leaves alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata, PhoneNumberDesc

WORTH_COMPILING: Final = 100
"""Numbers; polars needs 3 ms to make the expressions of a calling code run, the library 30 us for a number."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A pattern for a whole number, and the lengths such a number may have."""

    pattern: str
    lengths: tuple[int, ...]

    def matches(self, digits: pl.Expr) -> pl.Expr:
        return digits.str.contains(self.pattern)

    def fits(self, digits: pl.Expr) -> pl.Expr:
        return self.matches(digits) & digits.str.len_bytes().is_in(self.lengths)


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """How one region writes its numbers. The order of the decisions is that of `phonenumbers.parse`."""

    calling_code: str
    international_prefix: str | None
    national_prefix: str | None
    prefix_is_rewritten: bool
    """The national prefix is replaced, not dropped (Argentina, most of the Caribbean): the library's task."""
    leading_digits: str | None
    """Numbers of a shared calling code that begin so are this region's, valid or not."""
    general: Shape
    local_lengths: tuple[int, ...]
    kinds: tuple[Shape, ...]

    def international(self, digits: pl.Expr) -> pl.Expr:
        """What would follow the plus in a number written without one; empty if it is national, null if undecided."""
        subscriber = digits.str.slice(len(self.calling_code))
        length = digits.str.len_bytes()
        too_long = (length > max(self.general.lengths)) & ~length.is_in(self.local_lengths)
        return (
            pl.when(_begins(digits, self.international_prefix))
            .then(self._after_international_prefix(digits))
            .when(~digits.str.starts_with(self.calling_code) | (self.general.matches(digits) & ~too_long))
            .then(pl.lit(""))
            .when(_begins(subscriber, self.national_prefix))
            .then(pl.lit(None, pl.String))
            .when(too_long | self.general.matches(subscriber))
            .then(digits)
            .otherwise(pl.lit(""))
        )

    def _after_international_prefix(self, digits: pl.Expr) -> pl.Expr:
        """Null where it is not one fixed prefix (it may name a carrier), or where nothing follows it."""
        if self.international_prefix is None or not self.international_prefix.isdecimal():
            return pl.lit(None, pl.String)
        rest = digits.str.slice(len(self.international_prefix))
        return pl.when(rest != "").then(rest)

    def significant(self, digits: pl.Expr) -> pl.Expr:
        """The number without its national prefix; null where only the library can tell whether it has one."""
        if self.national_prefix is None:
            return digits
        bare = digits.str.replace(_start(self.national_prefix), "")
        certain = pl.lit(value=False) if self.prefix_is_rewritten else self.general.fits(bare)
        return pl.when(~_begins(digits, self.national_prefix)).then(digits).when(certain).then(bare)

    def owns(self, significant: pl.Expr) -> pl.Expr:
        """Whether the number is this region's, when the regions of its calling code are asked in order."""
        if self.leading_digits is None:
            return self.is_valid(significant)
        return _begins(significant, self.leading_digits)

    def is_valid(self, significant: pl.Expr) -> pl.Expr:
        some_kind = pl.any_horizontal([pl.lit(value=False), *(kind.fits(significant) for kind in self.kinds)])
        return self.general.fits(significant) & some_kind


def settle(numbers: pl.DataFrame, region: str | None, at_least: int = WORTH_COMPILING) -> pl.DataFrame:
    """The `row` and `address` (E.164, null if not valid) of those numbers that the metadata alone can judge.

    `numbers` has `row`, `digits` (ASCII, at least three) and `plus` (whether they were written after one). Fewer than
    `at_least` numbers of one calling code are left to the library.
    """
    settled = [pl.DataFrame(schema={"row": numbers.schema["row"], "address": pl.String})]
    abroad = numbers.filter("plus").select("row", "digits")
    bare = numbers.filter(~pl.col("plus"))
    home = _home(region)
    if home is not None and bare.height >= at_least:
        bare = bare.with_columns(abroad=home.international(pl.col("digits")))
        national = bare.filter(pl.col("abroad") == "").select("row", home.significant(pl.col("digits")))
        settled.append(_judge(national, home.calling_code))
        abroad = abroad.vstack(bare.filter(pl.col("abroad") != "").select("row", digits="abroad"))
    abroad = abroad.with_columns(calling_code=pl.col("digits").str.extract(_calling_codes())).drop_nulls()
    for (calling_code,), group in abroad.partition_by("calling_code", as_dict=True).items():
        plans = _plans(calling_code) if group.height >= at_least else ()
        if plans:
            subscriber = pl.col("digits").str.slice(len(calling_code))
            settled.append(_judge(group.select("row", plans[0].significant(subscriber)), calling_code))
    return pl.concat(settled)


def _judge(numbers: pl.DataFrame, calling_code: str) -> pl.DataFrame:
    """The verdicts on the national significant `digits` of one calling code; null digits are left alone."""
    digits = pl.col("digits")
    pending = numbers.drop_nulls()
    judged = []
    for plan in _plans(calling_code):
        if pending.is_empty():
            break
        owned = pending.select(plan.owns(digits)).to_series()
        address = pl.when(plan.is_valid(digits)).then(pl.lit(f"+{calling_code}") + digits)
        judged.append(pending.filter(owned).select("row", address=address))
        pending = pending.filter(~owned)
    judged.append(pending.select("row", address=pl.lit(None, pl.String)))
    return pl.concat(judged)


def _home(region: str | None) -> NumberingPlan | None:
    """The plan that numbers without a plus are read by; like the library, it knows `GB` and not `gb`."""
    from phonenumbers import SUPPORTED_REGIONS, country_code_for_region

    if region is None or region not in SUPPORTED_REGIONS:
        return None
    calling_code = country_code_for_region(region)
    return _plan(calling_code, region) if _plans(str(calling_code)) else None


@cache
def _calling_codes() -> str:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return f"^({'|'.join(map(str, COUNTRY_CODE_TO_REGION_CODE))})"


@cache
def _plans(calling_code: str) -> tuple[NumberingPlan, ...]:
    """The plans of all regions of a calling code, in the library's order; none if polars cannot run one of them."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    regions = COUNTRY_CODE_TO_REGION_CODE[int(calling_code)]
    plans = [plan for region in regions if (plan := _plan(int(calling_code), region)) is not None]
    return tuple(plans) if len(plans) == len(regions) else ()


@cache
def _plan(calling_code: int, region: str) -> NumberingPlan | None:
    """Null where the metadata has no general description or a pattern that Rust cannot compile (look-around)."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    metadata = PhoneMetadata.metadata_for_region_or_calling_code(calling_code, region)
    general = _shapes([metadata.general_desc]) if metadata is not None else ()
    if metadata is None or not general:
        return None
    plan = NumberingPlan(
        calling_code=str(calling_code),
        international_prefix=metadata.international_prefix,
        national_prefix=metadata.national_prefix_for_parsing,
        prefix_is_rewritten=bool(metadata.national_prefix_transform_rule),
        leading_digits=metadata.leading_digits if len(COUNTRY_CODE_TO_REGION_CODE[calling_code]) > 1 else None,
        general=general[0],
        local_lengths=metadata.general_desc.possible_length_local_only if metadata.general_desc else (),
        kinds=_shapes(_kinds(metadata)),
    )
    prefixes = (plan.international_prefix, plan.national_prefix, plan.leading_digits)
    patterns = [shape.pattern for shape in (plan.general, *plan.kinds)]
    patterns += [_start(prefix) for prefix in prefixes if prefix is not None]
    return plan if all(map(_compiles, patterns)) else None


def _kinds(metadata: PhoneMetadata) -> list[PhoneNumberDesc | None]:
    """The descriptions of which a valid number matches one."""
    mobile = None if metadata.same_mobile_and_fixed_line_pattern else metadata.mobile
    special = [metadata.toll_free, metadata.premium_rate, metadata.shared_cost, metadata.voip]
    rare = [metadata.personal_number, metadata.pager, metadata.uan, metadata.voicemail]
    return [metadata.fixed_line, mobile, *special, *rare]


def _shapes(descriptions: list[PhoneNumberDesc | None]) -> tuple[Shape, ...]:
    """One shape for all descriptions of the same lengths: fewer patterns to run."""
    patterns = defaultdict(list)
    for description in descriptions:
        if description is not None and description.national_number_pattern:
            patterns[description.possible_length].append(description.national_number_pattern)
    return tuple(Shape(f"{_start('|'.join(alternatives))}$", lengths) for lengths, alternatives in patterns.items())


def _start(pattern: str) -> str:
    """Anchored; `-u` keeps \\d to ASCII, without which Rust compiles thousands of states for each."""
    return f"(?-u)^(?:{pattern})"


def _begins(digits: pl.Expr, pattern: str | None) -> pl.Expr:
    return pl.lit(value=False) if pattern is None else digits.str.contains(_start(pattern))


def _compiles(pattern: str) -> bool:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError:
        return False
    return True
