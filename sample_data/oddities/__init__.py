"""What is wrong or unusual in the sample data: how often, and what each mapping is to make of it."""

from __future__ import annotations

from typing import Final

from sample_data.oddities.addresses import ADDRESSES
from sample_data.oddities.attributes import ATTRIBUTES
from sample_data.oddities.consents import CONSENTS
from sample_data.oddities.duplicates import DUPLICATES
from sample_data.oddities.oddity import Oddity
from sample_data.oddities.records import WHOLE_RECORDS

__all__ = ["ODDITIES", "Oddity"]

ODDITIES: Final = WHOLE_RECORDS + ADDRESSES + ATTRIBUTES + CONSENTS + DUPLICATES
