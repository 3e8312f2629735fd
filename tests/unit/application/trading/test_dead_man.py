"""The dead-man's switch: armed while the desk lives, renewed, let be at a clean end, on record."""

from __future__ import annotations

from dataclasses import replace

from tests.crash.floor import Floor, floor
from tests.unit.application.trading.test_differences import types
from traderbot.application.trading.alarms import AlarmKind


class Switch:
    """A venue's switch: every time-out it was told, and whether it says that it understood."""

    def __init__(self, on: Floor) -> None:
        self.told: list[int] = []
        self.deaf = False
        on.venue.abilities = replace(on.venue.abilities, dead_man=True)
        on.venue.keep_alive = self.keep_alive  # type: ignore[method-assign]
        on.start()

    def keep_alive(self, seconds: int) -> bool:
        if not self.deaf:
            self.told.append(seconds)
        return not self.deaf


def test_it_is_armed_before_the_first_order_leaves_and_renewed_while_the_desk_lives() -> None:
    with floor() as on:
        switch = Switch(on)
        on.go_on(2)
        assert switch.told == [60]
        order = on.place()
        on.go_on(60)
        assert on.now(order).status == "accepted"
        assert switch.told == [60, 60, 60, 60]
        assert types(on).count("venue.dead_man_armed") == 1, "a renewal is no news"


def test_a_clean_end_lets_every_order_be_and_the_log_says_so() -> None:
    with floor() as on:
        switch = Switch(on)
        on.go_on(2)
        on.desk._let_be()
        assert switch.told[-1] == 0
        assert types(on)[-1] == "venue.dead_man_disarmed"
        on.start()
        on.go_on(2)
        assert types(on)[-1] == "venue.dead_man_armed"


def test_a_desk_that_is_closed_with_its_threads_lets_it_be_too() -> None:
    with floor() as on:
        switch = Switch(on)
        with on.desk.running():
            while not switch.told:
                pass
        assert switch.told[-1] == 0


def test_a_missed_renewal_is_tried_again_and_one_that_never_comes_is_a_persons_matter() -> None:
    with floor() as on:
        switch = Switch(on)
        on.go_on(2)
        switch.deaf = True
        on.go_on(40)
        assert [it.kind for it in on.alarms] == []
        on.go_on(40)
        assert [it.kind for it in on.alarms] == [AlarmKind.DEAD_MAN_SILENT]
        switch.deaf = False
        on.go_on(10)
        assert types(on)[-1] == "venue.difference_ended"
        assert switch.told[-1] == 60


def test_a_switch_that_was_never_armed_is_not_let_be() -> None:
    with floor() as on:
        switch = Switch(on)
        on.desk._let_be()
        assert switch.told == []
