from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders import NOON, a_bar, later
from traderbot.domain.market.sightings import Sighting, as_known, corrections, sighted
from traderbot.domain.shared.errors import InvalidValueError

FIRST, SECOND = a_bar(), a_bar(at=later(60))
CORRECTED = a_bar(close="106")


def test_a_bar_is_known_at_its_close_and_a_delay() -> None:
    assert sighted(FIRST).known_at == later(60)
    assert sighted(FIRST, timedelta(seconds=5)).known_at == later(60) + timedelta(seconds=5)


def test_nobody_knows_a_bar_before_it_closes() -> None:
    with pytest.raises(InvalidValueError, match="nobody knew it"):
        Sighting(bar=FIRST, known_at=later(59))
    with pytest.raises(InvalidValueError, match="aware UTC"):
        Sighting(bar=FIRST, known_at=NOON.replace(tzinfo=None))


def test_what_was_not_known_yet_is_not_there() -> None:
    both = [sighted(SECOND), sighted(FIRST)]
    assert as_known(both, later(59)) == []
    assert as_known(both, later(60)) == [FIRST]
    assert as_known(both, later(120)) == [FIRST, SECOND]


def test_a_correction_counts_from_when_it_was_known_and_both_are_kept() -> None:
    known = [sighted(FIRST), Sighting(bar=CORRECTED, known_at=later(90)), sighted(SECOND)]
    assert as_known(known, later(89)) == [FIRST]
    assert as_known(known, later(90)) == [CORRECTED]
    assert corrections(known) == [(known[0], known[1])]


def test_the_same_bar_seen_again_corrects_nothing() -> None:
    assert corrections([sighted(FIRST), Sighting(bar=FIRST, known_at=later(90))]) == []
