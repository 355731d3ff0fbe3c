"""What stops a run because every further request would be refused too, in words for the operator."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.errors import Refused

if TYPE_CHECKING:
    from pipeline.destinations.interface import Verdict

LONGEST_MESSAGE: Final = 300
_ADDRESS: Final = re.compile(r"[^\s\"'<>:,;]+@[^\s\"'<>:,;]+|(?<![\w-])\+?\d[\d ().-]{6,}\d(?![\w-])")
_CREDENTIALS: Final = frozenset({"401", "403", "UNAUTHENTICATED", "FORBIDDEN"})
_COMPARE: Final = "compare the mapping and the settings with the account by `consent-sync check --online`"


def halted(verdict: Verdict) -> Refused:
    """The credentials, or something that the mapping names."""
    if verdict.code in _CREDENTIALS:
        said = f"the destination refuses the credentials ({shown(verdict)}); check the key in the settings"
    else:
        said = f"the destination refuses the configuration ({shown(verdict)}); {_COMPARE}"
    return Refused(said, said=verdict.message)


def refuses_all(verdict: Verdict, records: int) -> Refused:
    """One refusal for all records that were tried, with a code that nobody knows: it is none of the records."""
    return Refused(
        f"the destination refused each of {records} records that were sent by themselves, and took none, with a code "
        f"that is not known ({shown(verdict)}): this is the configuration, and no record; {_COMPARE}",
        said=verdict.message,
    )


def shown(verdict: Verdict) -> str:
    """A vendor's code and message for the operator; what looks like an address in it is left out."""
    said = f"{verdict.code}: {verdict.message}" if verdict.code else verdict.message
    return _ADDRESS.sub("[...]", said)[:LONGEST_MESSAGE]
