"""What was ever released can be read for ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.golden import add, corpus
from tests.golden.corpus import FOLDER, Golden, hash_lines, plain, read_corpus
from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.event_store.upcasters import UPCASTERS

CORPUS = read_corpus()
CODEC = EventCodec()


@pytest.mark.parametrize("golden", CORPUS, ids=lambda it: it.name)
def test_every_released_event_says_what_it_always_said(golden: Golden) -> None:
    body = golden.body.encode()
    assert leaf_hash(body).hex() == golden.leaf_hash
    event = CODEC.event_of(body)
    assert plain(event) == golden.event
    assert CODEC.events_of([body, body]) == [event, event]
    recorded = CODEC.recorded(1, body, leaf_hash(body))
    assert (recorded.type, recorded.schema, recorded.event) == (golden.type, golden.schema, event)


def test_there_is_one_for_every_schema_of_every_type_and_no_other() -> None:
    released = {
        (name, schema)
        for name, (_, newest) in EVENT_TYPES.items()
        for schema in range(1, newest + 1)
    }
    assert {(it.type, it.schema) for it in CORPUS} == released
    assert {path.name for path in FOLDER.iterdir()} == {it.name for it in CORPUS}
    assert set(UPCASTERS) == {(n, s) for n, s in released if (n, s + 1) in released}


def test_a_body_cannot_be_changed_in_one_place_alone() -> None:
    # Each line is there once; a file that is gone, or is another, does not fit the list.
    assert sorted(hash_lines()) == sorted(f"{it.leaf_hash}  {it.name}" for it in CORPUS)


def test_a_released_event_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    monkeypatch.setattr(corpus, "HASHES", tmp_path / "HASHES")
    corpus.write(CORPUS[0])
    with pytest.raises(FileExistsError):
        corpus.write(CORPUS[0]._replace(body="another"))
    assert json.loads((tmp_path / CORPUS[0].name).read_text())["body"] == CORPUS[0].body
    assert hash_lines() == [f"{CORPUS[0].leaf_hash}  {CORPUS[0].name}"]


def test_what_has_no_file_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    monkeypatch.setattr(corpus, "HASHES", tmp_path / "HASHES")
    corpus.write(CORPUS[0])
    add.main()
    written = read_corpus()
    assert sorted(it.type for it in written) == sorted(EVENT_TYPES)
    assert [it for it in written if plain(CODEC.event_of(it.body.encode())) != it.event] == []
    assert CORPUS[0] in written
    before = hash_lines()
    add.main()
    assert hash_lines() == before
