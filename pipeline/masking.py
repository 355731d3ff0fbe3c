"""An identity as far as it may be shown: enough to recognise what one knows, not enough to learn it."""

from __future__ import annotations

from typing import Final

DOT: Final = "•"
LONGEST: Final = 32
LONGEST_ENDING: Final = 4


def mask(identity: str) -> str:
    """`ann@example.com` -> `a••@e••••••.com`, `C-1024` -> `C•••••`; what is a single character is a dot.

    The length is kept, up to LONGEST characters before and after the `@`.
    """
    local, at, domain = identity.rpartition("@")
    if not at:
        return _dotted(identity)
    name, point, ending = domain.rpartition(".")
    if not (point and ending.isascii() and ending.isalpha() and len(ending) <= LONGEST_ENDING):
        name, point, ending = domain, "", ""
    return f"{_dotted(local)}@{_dotted(name)}{point}{ending}"


def _dotted(text: str) -> str:
    shown = text[:1] if len(text) > 1 and text[:1].isprintable() else DOT * len(text[:1])
    hidden = DOT * (min(len(text), LONGEST) - 1)
    return shown + hidden
