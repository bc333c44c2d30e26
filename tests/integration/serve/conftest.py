"""Each protocol of ``registry serve``, for tests that every one of them must pass."""

from __future__ import annotations

import pytest
from support.wire_columns import COLUMNS, WireColumn


@pytest.fixture(params=COLUMNS, ids=[one.name for one in COLUMNS])
def column(request: pytest.FixtureRequest) -> WireColumn:
    """A protocol."""
    found = request.param
    assert isinstance(found, WireColumn)
    return found
