"""A command that is run again gets its own time and ids; a new one gets ids made from its cause."""

from __future__ import annotations

from datetime import timedelta

from tests.builders import NOON, ORDER_ID, placed
from traderbot.application.ports.recorded import Actor, Recorded
from traderbot.domain.shared.ids import uuid_text
from traderbot.what_if.history import Deed, Fact
from traderbot.what_if.script import Script

COMMAND = "0192f0c1-0000-7000-8000-0000000c0000"


def a_deed(command_id: str = COMMAND) -> Deed:
    recorded = Recorded(
        position=1,
        id=f"{command_id[:-3]}001",
        stream=f"order-{ORDER_ID}",
        version=1,
        type="order.placed",
        schema=1,
        occurred_at=NOON,
        recorded_at=NOON + timedelta(seconds=1),
        command_id=command_id,
        correlation_id=command_id,
        causation_id=command_id,
        actor=Actor("user", "u", "api"),
        leaf_hash=bytes(32),
        event=placed(),
    )
    return Deed([Fact(0, recorded, b"{}")])


def test_a_recorded_command_is_told_what_it_was_told() -> None:
    script = Script()
    script.play(a_deed(), [ORDER_ID])
    assert [script.new(), script.new()] == [COMMAND, ORDER_ID]
    assert [script.now(), script.now(), script.now()] == [NOON + timedelta(seconds=1), NOON, NOON]


def test_new_ids_are_made_from_their_cause_alone() -> None:
    def made(command_id: str, what: str) -> list[str]:
        script = Script()
        script.improvise(a_deed(command_id), NOON, what)
        return [script.new() for _ in range(50)]

    other = f"{COMMAND[:-4]}1000"
    ids = [*made(COMMAND, "fill"), *made(COMMAND, "accept"), *made(other, "fill")]
    assert len(set(ids)) == len(ids)
    assert made(COMMAND, "fill") == ids[:50]
    for each in ids:
        assert uuid_text(each) == each
        assert each[:13] == COMMAND[:13]  # the same millisecond
        assert each[14] == "7"
        assert each.endswith("000")  # its parts are numbered there


def test_a_recorded_command_that_needs_one_id_more_gets_one_of_its_own() -> None:
    script = Script()
    script.play(a_deed(), [])
    assert script.new() == COMMAND
    first = script.new()
    script.play(a_deed(), [])
    assert [script.new(), script.new()] == [COMMAND, first]
