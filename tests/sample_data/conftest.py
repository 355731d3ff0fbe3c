"""Each example mapping's runs, once for all tests of this folder."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.sample_data.ran import Ran, run_twice

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def ran_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """The runs of the mapping with that name."""
    return cache(lambda mapping: run_twice(mapping, tmp_path_factory.mktemp(mapping)))
