"""The words that a mapping may use where a destination or a list decides, and the check of each."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pipeline.mapping.yaml_source import shown
from pipeline.matching import nearest
from pipeline.model import Channel, Status

Destination = Literal["acoustic_connect", "ivvy", "wix"]
DESTINATIONS: Final[tuple[Destination, ...]] = get_args(Destination)

GROUP: Final = "group"
"""Stands for a channel where a status is for a whole group."""
_OPT: Final = (Status.OPT_IN.value, Status.OPT_OUT.value)
_DOUBLE: Final = (*_OPT, Status.OPT_IN_UNVERIFIED.value)
_CLEARED: Final = (*_DOUBLE, Status.CLEAR.value)
_WIX: Final = (*_DOUBLE, "NEVER_CONFIRMED", "UNKNOWN_STATE")

STATUSES: Final[dict[Destination, dict[str, tuple[str, ...]]]] = {
    "acoustic_connect": dict.fromkeys((*Channel, GROUP), _CLEARED),
    "ivvy": {
        Channel.EMAIL: (*_OPT, "BOUNCED", "NO_MARKETING"),
        Channel.SMS: (*_OPT, "FAILED", "NO_MARKETING"),
        GROUP: _OPT,
    },
    "wix": dict.fromkeys((Channel.EMAIL, Channel.SMS), _WIX),
}
"""The statuses that each destination can store, by channel (AC-06, IV-07, IV-08, WX-02)."""

STATUS_WORDS: Final = list(
    dict.fromkeys(word for kinds in STATUSES.values() for kind in kinds.values() for word in kind)
)

VENDOR_WORDS: Final = {
    "CONFIRMED": Status.OPT_IN,
    "SUBSCRIBED": Status.OPT_IN,
    "PENDING": Status.OPT_IN_UNVERIFIED,
    "REVOKED": Status.OPT_OUT,
    "UNSUBSCRIBED": Status.OPT_OUT,
}
"""What vendors call a canonical status."""

WIX_SOURCES: Final = (
    *("IN_PERSON", "FORM", "LINK_CONFIRMATION", "EMAIL_SERVICE"),
    *("REVOKE_LINK", "WIX_USERS", "OTHER"),
)
"""WX-04, those of a confirmation and those of a revocation."""

REGIONS: Final = (  # noqa: SIM905 - a code a line would take pages
    "AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM "
    "FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN "
    "MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT "
    "PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TG TH TJ TK "
    "TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
).split()
"""The regions that `phonenumbers` knows; a copy, so that a mapping is checked without loading it."""


def allowed(words: tuple[str, ...] | list[str], *, found: str = "") -> str:
    """The end of a message: `; allowed: a, b; did you mean 'a'?`."""
    return f"; allowed: {', '.join(words)}" + (nearest(found, words) if found else "")


def status_word(word: str) -> str:
    """Passes a status of any destination. Raises ValueError with what was probably meant."""
    if word in STATUS_WORDS:
        return word
    meant = VENDOR_WORDS.get(word.strip().upper())
    if meant is not None:
        raise ValueError(f"unknown status {shown(word)}; it is called {meant} here")
    raise ValueError(f"unknown status {shown(word)}" + allowed(STATUS_WORDS, found=word))


def region(code: str) -> str:
    """Passes a region that phone numbers can be of. Raises ValueError."""
    if code in REGIONS:
        return code
    meant = "GB" if code.upper() == "UK" else code.strip().upper()
    hint = f"; did you mean '{meant}'?" if meant in REGIONS else ""
    raise ValueError(f"unknown region {shown(code)}; it is a country's two letters, such as US or GB{hint}")


def timezone(name: str) -> str:
    """Passes the name of a time zone. Raises ValueError."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = nearest(name, available_timezones())
        raise ValueError(f"unknown time zone {shown(name)}; it is a name such as UTC or Europe/Berlin{hint}") from None
    return name


def delimiter(character: str) -> str:
    """Passes a character that can stand between fields. Raises ValueError."""
    if len(character) == 1 and character.isascii() and not character.isalnum() and character not in '"\r\n\0':
        return character
    raise ValueError(
        f'{shown(character)} cannot separate fields; it is one character such as "," ";" "|" or "\\t" (a tab)'
    )
