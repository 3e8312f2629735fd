"""What is proved leads to the root that was signed, by other libraries' reckoning too."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from tests.bundles import Notary, node_says, python_says
from tests.integration.bundle.conftest import Told
from tests.reference.merkle import inclusion_path, leaf
from traderbot.application.commands.operations import RecordEpoch
from traderbot.application.errors import NoCheckpointError, NotFoundError
from traderbot.application.ports.bundle import Proof
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.ids import OrderId, UserId

NOBODY = UserId("0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c")


def check(proof: Proof, folder: Path) -> None:
    """Have both scripts check a proof."""
    path, key = folder / "proof", folder / "known.vkey"
    path.write_bytes(proof.text.encode())
    key.write_text(Notary().vkey)
    for said in (
        python_says("verify_proof.py", path, key),
        node_says("verify_proof.mjs", path, key),
    ):
        assert said.code == 0, said
        assert said.text.startswith(
            f"verified: {proof.stream} versions {proof.first_version} to {proof.last_version}, "
            f"the last at index {proof.index} of {proof.size} events, root {proof.root}, signed by "
        )


def siblings(proof: Proof) -> list[bytes]:
    lines = proof.text.split("\n\n")[1].split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", f"index {proof.index}"]
    return [base64.b64decode(line) for line in lines[2:]]


def test_every_event_is_proved_as_other_code_proves_it(told: Told, tmp_path: Path) -> None:
    told.publish()
    bodies = told.bodies()
    leaves = [leaf(body) for body in bodies]
    tree = InmemoryTree(algorithm="sha256")
    for body in bodies:
        tree.append_entry(body)
    with told.reader.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT l.log_index, e.event_id FROM log l JOIN events e ON e.position = l.position"
        ).all()
    assert len(found) == len(bodies)
    bundles = told.bundles()
    for index, event_id in found:
        proof = bundles.prove_event(event_id)
        assert proof.text.split("\n")[0].encode() == bodies[index]
        assert (proof.index, proof.root) == (index, bytes(tree.get_root()).hex())
        assert siblings(proof) == inclusion_path(index, leaves)
        assert proof.first_version == proof.last_version
    check(proof, tmp_path)


def test_every_order_is_proved_by_its_last_event(told: Told, tmp_path: Path) -> None:
    told.publish()
    for order in told.story.orders:
        proof = told.bundles().prove_order(order)
        bodies = proof.text.split("\n\n")[0].split("\n")
        assert bodies == [
            body.decode() for body in told.bodies() if f'"stream":"order-{order}"'.encode() in body
        ]
        assert (proof.first_version, proof.last_version) == (1, len(bodies))
        assert (proof.stream, proof.left_out) == (f"order-{order}", 0)
        check(proof, tmp_path)


def test_what_came_after_the_checkpoint_is_left_out_and_counted(told: Told, tmp_path: Path) -> None:
    with pytest.raises(NoCheckpointError):
        told.bundles().prove_order(told.story.bought)
    whole = told.publish()
    stream = f"order-{told.story.bought}"
    # As if the newest checkpoint were of the time when the order had three of its five events.
    size = 1 + told.value(
        "SELECT l.log_index FROM log l JOIN events e ON e.position = l.position "
        "WHERE e.stream_id = :stream AND e.version = 3",
        stream=stream,
    )
    tree = InmemoryTree(algorithm="sha256")
    for body in told.bodies()[:size]:
        tree.append_entry(body)
    told.change(
        "UPDATE log_checkpoints SET tree_size = :size, root = :root, note = :note",
        size=size,
        root=bytes(tree.get_root()),
        note=Notary().note(size, bytes(tree.get_root())),
    )
    proof = told.bundles().prove_order(told.story.bought)
    assert (proof.size, proof.last_version, proof.left_out) == (size, 3, 2)
    assert whole > size
    check(proof, tmp_path)
    with pytest.raises(NoCheckpointError, match=f"of {size} events"):
        told.bundles().prove_order(told.story.bobs_order)


def test_users_are_shown_proofs_of_what_is_theirs_only(told: Told) -> None:
    told.publish()
    bundles, story = told.bundles(), told.story
    for order in story.orders:
        owner, other = story.alice, story.bob
        if order == story.bobs_order:
            owner, other = other, owner
        assert bundles.prove_order(order, owner) == bundles.prove_order(order)
        for stranger in (other, NOBODY):
            with pytest.raises(NotFoundError):
                bundles.prove_order(order, stranger)
    with told.reader.connect() as connection:
        found = connection.exec_driver_sql("SELECT event_id, stream_id, body FROM events").all()
    theirs = {
        f"user-{story.bob}",
        f"portfolio-{story.bobs_portfolio}",
        f"order-{story.bobs_order}",
    }
    for event_id, stream, _ in found:
        if stream in theirs:
            assert bundles.prove_event(event_id, story.bob).stream == stream
        else:
            with pytest.raises(NotFoundError):
                bundles.prove_event(event_id, story.bob)


def test_what_operators_record_of_the_log_itself_is_no_users(told: Told, tmp_path: Path) -> None:
    epoch = told.sealer().next_epoch()
    told.desk().run(
        RecordEpoch(
            epoch=epoch.epoch,
            origin=epoch.origin,
            reason="a test",
            size=epoch.size,
            root=epoch.root,
            published_size=epoch.published_size,
            published_root=epoch.published_root,
        )
    )
    told.publish()
    event_id = told.value("SELECT event_id FROM events ORDER BY position DESC LIMIT 1")
    check(told.bundles().prove_event(event_id), tmp_path)
    for user in (told.story.alice, NOBODY):
        with pytest.raises(NotFoundError):
            told.bundles().prove_event(event_id, user)


def test_what_is_not_there_cannot_be_proved(told: Told) -> None:
    told.publish()
    with pytest.raises(NotFoundError):
        told.bundles().prove_order(OrderId(NOBODY))
    with pytest.raises(NotFoundError):
        told.bundles().prove_event(NOBODY)


def test_what_was_tampered_with_is_not_proved(told: Told) -> None:
    told.publish()
    stream = f"order-{told.story.bought}"
    is_sqlite = told.reader.dialect.name == "sqlite"
    changed = "CAST(body || ' ' AS BLOB)" if is_sqlite else "body || '\\x20'::bytea"
    for version in (2, 5):
        told.change(
            f"UPDATE events SET body = {changed} WHERE stream_id = :s AND version = :v",  # noqa: S608
            s=stream,
            v=version,
        )
        with pytest.raises(CorruptHistoryError, match="traderbot audit verify"):
            told.bundles().prove_order(told.story.bought)


def test_a_body_of_another_type_is_no_event(sqlite_told: Told) -> None:
    sqlite_told.publish()
    stream = f"order-{sqlite_told.story.bought}"
    sqlite_told.change("UPDATE events SET body = CAST(body AS TEXT) WHERE stream_id = :s", s=stream)
    with pytest.raises(CorruptHistoryError):
        sqlite_told.bundles().prove_order(sqlite_told.story.bought)
