"""A command line on fake doors, and one on doors with a database in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.stores import MemoryStore
from tests.unit.presentation.cli.fakes import FakeDoors, Terminal


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(FakeDoors(), capsys)


@pytest.fixture
def desk_cli(cli: Terminal) -> Iterator[Terminal]:
    with ExitStack() as stack:
        cli.doors.desk = MemoryStore(stack).desk()
        yield cli
