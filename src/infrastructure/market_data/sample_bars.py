"""The real daily bars that come with the program, for the demo and for trying things out."""

from __future__ import annotations

import gzip
import io
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import ClassVar

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.market_data.csv_bars import read_csv

_PACKAGE = "traderbot.infrastructure.market_data.samples"
_ENDING = "-1d.csv.gz"


class UnknownSampleError(DomainError):
    """No sample of that name comes with the program."""

    code: ClassVar[str] = "UNKNOWN_SAMPLE"

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"no sample is called {name!r:.60}; there are: {', '.join(known)}")


def sample_names() -> list[str]:
    """Return the symbols there are samples of, in the order of the alphabet."""
    return sorted(_resources())


def sample_bars(name: str) -> list[Bar]:
    """Return the daily bars of one sample, oldest first; prices are not adjusted for splits.

    Raises:
        UnknownSampleError: there is no such sample.
    """
    resources = _resources()
    if name not in resources:
        raise UnknownSampleError(name, sorted(resources))
    # Through bytes, not a path: an installed package may be an archive.
    unpacked = gzip.decompress(resources[name].read_bytes())
    return read_csv(io.StringIO(unpacked.decode()), symbol(name), Timeframe.D1)


def _resources() -> dict[str, Traversable]:
    return {
        each.name.removesuffix(_ENDING): each
        for each in files(_PACKAGE).iterdir()
        if each.name.endswith(_ENDING)
    }
