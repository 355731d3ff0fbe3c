"""The text of one record -> its fields (RFC 4180; a quote inside an unquoted field is text)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


class End(Enum):
    """How a text ends that was read as one record."""

    WHOLE = auto()
    IN_QUOTES = auto()
    BADLY_QUOTED = auto()


@dataclass(frozen=True, slots=True)
class Tokens:
    """The fields up to the first that does not end well; `has_stray_quote`: inside an unquoted field."""

    end: End
    fields: list[str]
    has_stray_quote: bool


class Tokenizer:
    """Splits records at one delimiter."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        mark = f"\\x{ord(delimiter):02x}"
        inside = r'((?:[^"]++|"")*+)'
        self._field = re.compile(rf'"{inside}"(?={mark}|\Z)|([^"{mark}][^{mark}]*+|)(?={mark}|\Z)')
        self._open_field = re.compile(rf'"{inside}\Z')

    def split(self, text: str) -> Tokens:
        if '"' not in text:
            return Tokens(End.WHOLE, text.split(self._delimiter), has_stray_quote=False)
        fields: list[str] = []
        position, has_stray_quote = 0, False
        while True:
            match = self._field.match(text, position)
            if match is None:
                is_open = self._open_field.match(text, position) is not None
                return Tokens(End.IN_QUOTES if is_open else End.BADLY_QUOTED, fields, has_stray_quote)
            quoted, plain = match.groups()
            if plain is None:
                fields.append(quoted.replace('""', '"'))
            else:
                fields.append(plain)
                has_stray_quote = has_stray_quote or '"' in plain
            if match.end() == len(text):
                return Tokens(End.WHOLE, fields, has_stray_quote)
            position = match.end() + 1
