"""How patient the desk is. All in seconds of a clock that only goes forward."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPace:
    """When to look, to ask again, and to call a person.

    `ask_after` are the pauses between questions about one order in doubt; the last one repeats.
    Once the venue has answered that it has no such order, it is asked again `between_proofs` later.
    `horizon` is how long a venue may take to show an order it has accepted: before that, its "no
    such order" proves nothing. After `give_up` a person is called; the desk goes on asking.
    """

    look: float = 0.25
    ask_after: tuple[float, ...] = (0.0, 5.0, 5.0, 10.0, 20.0, 40.0)
    between_proofs: float = 5.0
    horizon: float = 10.0
    send_again: float = 300.0  # since it was placed; older ones a person decides about
    deadline: float = 5.0  # between the intent and the call; later it is not made
    patience: float = 15.0  # with a call that somebody else began and nobody has answered
    give_up: float = 60.0
    reconcile: float = 30.0
    held: float = 5.0  # until an order that a halt holds back is tried again
    retry: float = 2.0  # after what was certainly not sent, and after a failed reconciliation
    cancel_again: float = 5.0  # doubled by each refusal, up to `cancel_longest`
    cancel_longest: float = 60.0
    close: float = 4.0  # what is on its way when the desk is closed is waited for so long
    quiet: float = 30.0  # a stream that says nothing for so long, with orders working, is dead
    keep_alive: float = 20.0
    dead_man: int = 60

    def pause(self, asked: int) -> float:
        """Return how long to wait after having asked so often."""
        return self.ask_after[min(asked, len(self.ask_after) - 1)]

    def cancel_pause(self, refused: int) -> float:
        """Return how long to wait before an order is asked back again."""
        return min(self.cancel_again * (1 << min(refused, 10)), self.cancel_longest)
