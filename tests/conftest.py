"""What every test may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import customervalue as cv

if TYPE_CHECKING:
    from customervalue._typing import AnyArray

# The same examples in every run, and no clock: a gate must not depend on luck or on a busy machine.
# Look for new examples with `pytest --hypothesis-profile=explore`.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile("gate")


@pytest.fixture
def cdnow_log() -> dict[str, AnyArray]:
    """The CDNOW sample, one row per transaction, as NumPy columns."""
    return cv.datasets.load_cdnow()
