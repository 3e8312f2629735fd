from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.redis.faults import Site, a_site


@pytest.fixture
def site() -> Iterator[Site]:
    """A Redis of this test alone: it may be killed, frozen, filled."""
    with a_site() as one:
        yield one
