"""The trading desk of one venue: sends what is approved, and finds out what became of it.

It acts on what is on record, never on what it remembers: every look reads the open orders again,
so that whoever starts it after a crash goes on where the log stands. Nothing is sent before the
first reconciliation succeeded. One process too many does no harm: the intent is a compare-and-set,
and only whoever recorded it sends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic as real_monotonic
from typing import Final

from traderbot.application.commands.placing import PAPER
from traderbot.application.commands.venue_accounts import RecordDifference
from traderbot.application.errors import ExternalError, VenueUnavailableError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import CommandExecutor
from traderbot.application.ports.markets import Markets
from traderbot.application.ports.venue import (
    NotSent,
    Unclear,
    Venue,
    VenueNews,
    WorkingOrder,
)
from traderbot.application.ports.views import Views
from traderbot.application.trading.alarms import Alarm, AlarmKind, Alarms
from traderbot.application.trading.asking import Asking
from traderbot.application.trading.booking import Booking
from traderbot.application.trading.canceling import Canceling
from traderbot.application.trading.dead_man import DeadMan
from traderbot.application.trading.hands import Hands
from traderbot.application.trading.hearing import Hearing
from traderbot.application.trading.newsroom import Newsroom
from traderbot.application.trading.pace import DeskPace
from traderbot.application.trading.reconciling import Reconciled, Reconciling
from traderbot.application.trading.sending import DIFFERENT, Held, Sending
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.ids import OrderId

_log = logging.getLogger(__name__)
_LONGEST_AWAY: Final = 60.0
_AWAY: Final = "away"
_SILENT: Final = "silent"
_HANDS: Final = 8  # calls to the venue at once
_WAYS_OUT: Final = 2
_NEVER: Final = float("inf")


class TradingDesk:
    """Trades at one venue until it is closed. `look` is one round of it, for whoever has the time.

    `alarms` hears, once each, what the desk cannot put right by itself.
    """

    def __init__(
        self,
        executor: CommandExecutor,
        views: Views,
        venue: Venue,
        clock: Clock,
        *,
        alarms: Alarms | None = None,
        pace: DeskPace | None = None,
        markets: Markets | None = None,
        monotonic: Callable[[], float] = real_monotonic,
    ) -> None:
        """Begin with nothing but what is on record. `markets` says what prices are possible."""
        self._executor = executor
        self._views = views
        self._venue = venue
        self._clock = clock
        self._pace = pace or DeskPace()
        self._monotonic = monotonic
        self._tell = alarms or _log_alarm
        self._told: set[str] = set()
        self._quiet: set[str] = set()  # keys of which nothing is on record
        hearing = Hearing(executor, views, venue, self._alarm, self._over, markets)
        booking = Booking(hearing)
        self._booking = booking
        self._sending = Sending(hearing, monotonic, self._pace.deadline)
        self._asking = Asking(booking, self._pace, monotonic, clock)
        self._canceling = Canceling(hearing, self._pace, monotonic)
        self._dead_man = DeadMan(hearing, self._pace, monotonic)
        self._reconciling = Reconciling(booking)
        self._began = clock.now()
        self._hands: Hands | None = None
        self._ways_out: Hands | None = None  # cancels never wait behind what is sent
        self._busy: set[str] = set()
        self._lock = Lock()
        self._newsroom = Newsroom(booking, compare=self._compare_soon)
        self._wake = Event()
        self._closing = Event()
        self._reconcile_at = 0.0
        self._reconciled: Reconciled | None = None
        self._away = 0.0
        self._away_until = 0.0
        self._asked_at: dict[OrderId, float] = {}
        self._not_before: dict[OrderId, float] = {}  # held back by a halt
        self._half_open = False  # the venue answers again: one order shows whether it takes them
        self._well_at = monotonic()  # when the books were compared last
        self._withheld: set[OrderId] = set()

    @property
    def last_reconciliation(self) -> Reconciled | None:
        """What the newest pass found, None before the first one."""
        return self._reconciled

    @property
    def may_send(self) -> bool:
        """Whether a reconciliation succeeded, so that orders may leave."""
        return self._reconciled is not None and self._reconciled.complete

    @property
    def standing(self) -> str:
        """What holds orders back, if anything does: for operators and for tests."""
        found = self._reconciled
        return (
            f"compared: {found.cause or 'well' if found else 'not yet'}; "
            f"may send: {self.may_send}; away for {self._away:g} s; "
            f"withheld: {len(self._withheld)}; held by a halt: {len(self._not_before)}"
        )

    def nudge(self) -> None:
        """Look at once: something was approved, or asked back."""
        self._wake.set()

    @contextmanager
    def running(self) -> Iterator[TradingDesk]:
        """Trade in threads of its own until the block ends.

        What is on its way is finished, but a venue that hangs is not waited for longer than
        `pace.close`: what it was asked is on record, and whoever starts next finds out.
        """
        with ExitStack() as open_:
            self._hands = Hands(_HANDS, "venue-call")
            self._ways_out = Hands(_WAYS_OUT, "venue-cancel")
            open_.callback(self._leave, self._hands, self._ways_out)
            open_.enter_context(self._newsroom.open())
            looking = Thread(target=self._keep_looking, name="trading-desk")
            looking.start()
            open_.callback(looking.join)
            open_.callback(self._close)
            yield self

    def _leave(self, hands: Hands, ways_out: Hands) -> None:
        """Finish what is under way, and then tell the venue that nobody has died."""
        ends = real_monotonic() + self._pace.close
        ways_out.submit(self._let_be)
        for each in (ways_out, hands):
            if not each.close(max(ends - real_monotonic(), 0.0)):
                _log.warning(
                    "%s: a call did not come back in time; what became of it is found at the start",
                    self._venue.name,
                )
        self._hands = self._ways_out = None

    def _let_be(self) -> None:
        try:
            self._dead_man.let_be()
        except Exception:  # noqa: BLE001 - the program ends, and says so
            _log.exception("%s: its dead-man's switch may still be armed", self._venue.name)

    def look(self) -> None:
        """Do whatever is due. Without `running`, every call to the venue is made before it ends."""
        if self._hands is None:
            self._newsroom.take_in_waiting()
        now = self._monotonic()
        orders = self._ours()
        if now >= self._reconcile_at:
            self._start("reconcile", lambda: self._reconcile(orders))
        if self._away and not self._half_open and now >= self._away_until:
            self._start("probe", self._probe)
        if self.may_send and self._dead_man.is_due():
            self._start("alive", self._renew, out=True)
        self._tend(orders)
        for order in orders:
            action = self._due(order, now)
            if action is not None:
                self._start(order.order_id, action, out=order.cancel_requested)
        here = {order.order_id for order in orders}
        for remembered in (self._asked_at, self._not_before):
            for gone in remembered.keys() - here:
                del remembered[gone]
        self._watch(orders, now)

    def _tend(self, orders: Sequence[WorkingOrder]) -> None:
        """See to what lasts too long, by the clock alone: the venue may answer nothing."""
        doubts = [it for it in orders if it.status.is_doubtful]
        wanted = [it for it in orders if it.cancel_requested and not it.status.is_doubtful]
        for order in doubts:
            if order.status is not OrderStatus.SUBMITTING or self._is_orphaned(order):
                self._asking.watch(order)
        for order in wanted:
            self._canceling.watch(order)
        self._asking.settled({it.order_id for it in doubts})
        self._canceling.settled({it.order_id for it in wanted})

    def reconcile(self) -> Reconciled:
        """Compare the books now, and return what was found."""
        return self._reconcile(self._ours())

    def hear(self, news: VenueNews) -> None:
        """Take news in when there is time; the venue's stream calls it, from any thread."""
        self._newsroom.hear(news)

    def _compare_soon(self, seconds: float) -> None:
        self._reconcile_at = min(self._reconcile_at, self._monotonic() + seconds)
        self._wake.set()

    def _ours(self) -> Sequence[WorkingOrder]:
        venue, account = self._venue.name, (None, self._venue.account)
        return [
            it
            for it in self._views.working_orders()
            if (it.venue or PAPER) == venue and it.account in account
        ]

    def _due(self, order: WorkingOrder, now: float) -> Callable[[], None] | None:
        """Return what has to be done about an order at this moment."""
        action: Callable[[], None] | None = None
        match order.status:
            case OrderStatus.APPROVED:
                held = now < self._not_before.get(order.order_id, now)
                held = held or not self._dead_man.was_asked
                open_ = not self._away or self._half_open
                if self.may_send and open_ and not held and order.order_id not in self._withheld:
                    action = self._action(self._send, order)
            case OrderStatus.SUBMITTING:
                if self._is_orphaned(order) and self._asking.is_due(order):
                    action = self._action(self._ask, order)
            case OrderStatus.UNKNOWN | OrderStatus.UNCONFIRMED:
                if self._asking.is_due(order):
                    action = self._action(self._ask, order)
            case _:
                if order.cancel_requested:
                    if self._canceling.is_due(order):
                        action = self._action(self._canceling.ask, order)
                elif order.amendment and now >= self._asked_at.get(order.order_id, now):
                    action = self._action(self._amend, order)
        return action

    def _action(self, act: Callable[[WorkingOrder], None], it: WorkingOrder) -> Callable[[], None]:
        return lambda: act(it)

    def _is_orphaned(self, order: WorkingOrder) -> bool:
        """Whether whoever began to send it is gone, or should have heard by now."""
        since = order.updated_at or order.placed_at
        patience = timedelta(seconds=self._pace.patience)
        return since < self._began or self._clock.now() - since > patience

    def _send(self, order: WorkingOrder) -> None:
        if self._away and not self._half_open:
            return
        self._half_open = False
        self._reconciling.also_of([order.ticket.symbol])
        answer = self._sending.submit(order)
        if isinstance(answer, Held):
            self._not_before[order.order_id] = self._monotonic() + self._pace.held
        elif isinstance(answer, NotSent):
            # Until something gets through again nothing is tried, and nothing written.
            self._stay_away(answer.retry_after_seconds)
            if answer.reason == DIFFERENT:
                self._withheld.add(order.order_id)
        elif isinstance(answer, Unclear) and answer.retry_after_seconds:
            self._stay_away(answer.retry_after_seconds)
        elif answer is not None:
            self._away = 0.0

    def _ask(self, order: WorkingOrder) -> None:
        if self._asking.ask(order) and self.may_send:
            self._send(order)

    def _amend(self, order: WorkingOrder) -> None:
        self._asked_at[order.order_id] = self._monotonic() + self._pace.cancel_again
        if not isinstance(self._sending.amend(order), NotSent | Unclear):
            self._asked_at.pop(order.order_id, None)  # answered: the next change need not wait

    def _probe(self) -> None:
        try:
            self._venue.server_time()
        except VenueUnavailableError:
            self._stay_away(None)
        else:
            self._half_open = True
            self._wake.set()

    def _stay_away(self, seconds: float | None) -> None:
        self._away = min(max(self._away * 2, self._pace.retry), _LONGEST_AWAY)
        self._away_until = self._monotonic() + max(self._away, seconds or 0.0)
        self._half_open = False

    def _reconcile(self, orders: Sequence[WorkingOrder]) -> Reconciled:
        self._reconcile_at = _NEVER  # whoever asks for another one meanwhile is heard
        found = Reconciled(complete=False, cause="it broke off")
        try:
            found = self._reconciling.run(orders)
        finally:
            calm = found.complete and not found.unsettled
            pause = self._pace.reconcile if calm else self._pace.retry
            self._reconcile_at = min(self._reconcile_at, self._monotonic() + pause)
        if found.complete or self._reconciled is None:
            self._reconciled = found
        if found.complete:
            self._well_at = self._monotonic()
            self._over(_AWAY)
            if self._hands is not None:
                self._wake.set()
            return found
        _log.warning("%s was not reconciled: %s", self._venue.name, found.cause)
        if self._monotonic() - self._well_at > self._pace.give_up:
            sentence = f"the books of {self._venue.name} could not be compared for "
            self._alarm(
                Alarm(
                    kind=AlarmKind.VENUE_AWAY,
                    venue=self._venue.name,
                    key=_AWAY,
                    sentence=f"{sentence}{self._pace.give_up:g} s: {found.cause}",
                )
            )
        return found

    def _watch(self, orders: Sequence[WorkingOrder], now: float) -> None:
        """See to the stream, and keep the venue from canceling everything while we live."""
        working = any(it.status.is_with_venue for it in orders)
        stream = self._newsroom.stream
        if working and stream is not None and stream.quiet_seconds > self._pace.quiet:
            self._reconcile_at = min(self._reconcile_at, now)
            self._alarm(
                Alarm(
                    kind=AlarmKind.STREAM_SILENT,
                    venue=self._venue.name,
                    key=_SILENT,
                    sentence=f"{self._venue.name} has said nothing for {self._pace.quiet:g} s",
                )
            )
        elif stream is not None and stream.connected:
            self._over(_SILENT)

    def _renew(self) -> None:
        self._dead_man.renew()
        self._wake.set()  # the first orders wait for it

    def _start(self, key: str, act: Callable[[], object], *, out: bool = False) -> None:
        """Act, unless the same is being done already; in another thread if there are any."""
        with self._lock:
            if key in self._busy:
                return
            self._busy.add(key)

        def acting() -> None:
            try:
                if not self._closing.is_set():
                    act()
            except ExternalError as error:
                _log.warning("%s: %s: %s", self._venue.name, key, error)
            except Exception:  # noqa: BLE001 - it is told, and the next look begins afresh
                _log.exception("%s: %s", self._venue.name, key)
            finally:
                with self._lock:
                    self._busy.discard(key)

        hands = self._ways_out if out else self._hands
        if hands is None:
            acting()
        else:
            hands.submit(acting)

    def _keep_looking(self) -> None:
        while not self._closing.is_set():
            try:
                self.look()
            except ExternalError as error:
                _log.warning("%s: %s", self._venue.name, error)
            except Exception:  # noqa: BLE001 - it is told, and the next look begins afresh
                _log.exception("%s: the desk stumbled", self._venue.name)
            self._wake.wait(self._pace.look)
            self._wake.clear()

    def _close(self) -> None:
        self._closing.set()
        self._wake.set()

    def _alarm(self, alarm: Alarm) -> None:
        """Record each thing once, with what the venue said, and tell of it until it was heard.

        After a restart it is told again: a stop that was not recorded then is recorded now.
        """
        if alarm.key in self._told:
            return
        if alarm.fresh:
            self._tell(alarm)  # it is told before it is on record: a crash between tells it twice
        difference = RecordDifference(
            venue=self._venue.name,
            account=self._venue.account,
            key=alarm.key,
            kind=alarm.kind.value,
            sentence=alarm.sentence,
            raw=alarm.raw,
        )
        news = self._executor.run(difference, self._booking.hearing.origin)
        if alarm.fresh is None or (alarm.fresh is False and news):
            self._tell(alarm)
        self._told.add(alarm.key)
        self._quiet.discard(alarm.key)

    def _over(self, key: str) -> None:
        """Note that what an alarm was about is gone; most of the time there was none."""
        if key not in self._told and key in self._quiet:
            return
        ended = RecordDifference(
            venue=self._venue.name,
            account=self._venue.account,
            key=key,
            kind="",
            there=False,
        )
        self._executor.run(ended, self._booking.hearing.origin)
        self._told.discard(key)
        self._quiet.add(key)


def _log_alarm(alarm: Alarm) -> None:
    _log.error("%s: %s: %s", alarm.venue, alarm.kind.value, alarm.sentence)
