"""What is wrong or unusual in the sample for Wix: how often, and what the mapping is to make of it."""

from __future__ import annotations

from typing import Final

from sample_data.wix.oddities.addresses import ADDRESSES
from sample_data.wix.oddities.consents import CONSENTS

ODDITIES: Final = ADDRESSES + CONSENTS
