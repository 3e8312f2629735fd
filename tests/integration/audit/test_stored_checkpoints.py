"""What was signed last, what was signed then, and what waits behind it."""

from __future__ import annotations

import pytest

from tests.integration.audit.sealed import EVENTS, ORIGIN, SIGNER, SIZES, SealedLog
from traderbot.application.errors import DatabaseUnavailableError, NoCheckpointError
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.infrastructure.persistence.database import reader_engine
from traderbot.infrastructure.sealing.signed_note import Verifier, parse_checkpoint
from traderbot.infrastructure.sealing.stored_checkpoints import StoredCheckpoints


def _checkpoints(log: SealedLog) -> StoredCheckpoints:
    return StoredCheckpoints(log.reading, lambda: SIGNER.vkey)


def test_each_checkpoint_is_found_by_its_size_and_is_the_note_that_was_signed(
    sealed: SealedLog,
) -> None:
    asked = _checkpoints(sealed)
    for size in SIZES:
        found = asked.of_size(size)
        said = parse_checkpoint(Verifier(asked.key()).verify(found.note))
        assert (said.origin, said.size, said.root.hex()) == (ORIGIN, size, found.root)
        assert (found.origin, found.size, found.epoch) == (ORIGIN, size, 1)
        assert found.key_id == SIGNER.key_id
    assert asked.newest() == asked.of_size(SIZES[-1])


@pytest.mark.parametrize("size", [0, 101, 601, 10**17])
def test_there_is_no_checkpoint_of_a_size_that_was_not_signed(sealed: SealedLog, size: int) -> None:
    with pytest.raises(InvalidValueError, match=f"no checkpoint of {size} events"):
        _checkpoints(sealed).of_size(size)


def test_of_two_epochs_with_one_size_the_later_counts(sealed: SealedLog) -> None:
    sealed.change(
        "INSERT INTO log_checkpoints SELECT tree_size, 2, root, note, 'later', sealed_at "
        "FROM log_checkpoints WHERE tree_size = 300"
    )
    assert _checkpoints(sealed).of_size(300).key_id == "later"


def test_the_tail_is_what_comes_after_the_sealed_events(sealed: SealedLog) -> None:
    tail = _checkpoints(sealed).tail()
    assert tail.events == EVENTS - SIZES[-1]
    assert tail.oldest_at is not None
    recorded_at = sealed.events()[SIZES[-1]]["recorded_at"]
    oldest = instant(recorded_at) if isinstance(recorded_at, str) else recorded_at
    assert instant_text(tail.oldest_at) == instant_text(oldest)


def test_of_a_log_that_was_never_sealed_all_of_it_is_the_tail(sealed: SealedLog) -> None:
    sealed.unseal()
    asked = _checkpoints(sealed)
    assert asked.tail().events == EVENTS
    with pytest.raises(NoCheckpointError):
        asked.newest()


def test_a_database_that_is_gone_is_said_to_be() -> None:
    engine = reader_engine("postgresql://nobody@127.0.0.1:1/nothing")
    asked = StoredCheckpoints(engine, lambda: SIGNER.vkey)
    for question in (asked.newest, asked.tail, lambda: asked.of_size(1)):
        with pytest.raises(DatabaseUnavailableError):
            question()
