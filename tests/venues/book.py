"""The venue's truth: accounts, orders, fills and the stream, in one process and exact.

It knows no protocol. A server asks it what a client asks for, and a test moves its market, fills
its orders by hand and reads what really happened. A symbol without a price is not matched: orders
rest until `set_price` or `fill`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from threading import RLock

from tests.venues.orders import (
    ZERO,
    Account,
    Entry,
    Fees,
    Kind,
    Lasting,
    Listing,
    Order,
    Side,
    Status,
    Top,
    Trade,
    What,
    Wish,
)


class BookError(Exception):
    """The venue refuses. `why` is a word its server translates into the venue's own code."""

    def __init__(self, why: str, text: str = "") -> None:
        super().__init__(text or why)
        self.why = why


class Book:
    """One venue's truth. Safe to call from several threads."""

    def __init__(
        self,
        listings: Iterable[Listing],
        *,
        fees: Fees | None = None,
        ids_are_unique_for_ever: bool = False,
        slow_cancels: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Start without accounts and orders.

        Args:
            listings: what can be traded.
            fees: what a fill costs; nothing by default.
            ids_are_unique_for_ever: whether a client id is refused even when the order that had
                it is closed. Alpaca does; Binance gives it away again.
            slow_cancels: whether a cancel only asks, and `finish_cancel` ends it.
            clock: what time it is at the venue.
        """
        self.listings: Mapping[str, Listing] = {it.symbol: it for it in listings}
        self.fees = fees or Fees()
        self.slow_cancels = slow_cancels
        self.accounts: dict[str, Account] = {}
        self.entries: list[Entry] = []
        self.listeners: list[Callable[[Entry], None]] = []
        self.now = clock
        self._unique_for_ever = ids_are_unique_for_ever
        self._orders: dict[int, Order] = {}
        self._tops: dict[str, Top] = {}
        self._named: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._hidden: dict[str, int] = {}
        self._ids = count(1)
        self._trade_ids = count(1)
        self._lock = RLock()

    # What a client can do.

    def submit(self, key: str, wish: Wish) -> Order:
        """Take an order in, and match it.

        Raises BookError: DUPLICATE, NO_FUNDS, WOULD_TRIGGER, WOULD_TAKE.
        """
        with self._lock:
            self._check_id(key, wish.client_id)
            now = self.now()
            order = Order(id=next(self._ids), account=key, wish=wish, at=now, changed_at=now)
            order = self._seen(order)
            if self._is_reached(order):
                raise BookError("WOULD_TRIGGER", "the stop price is already reached")
            if wish.post_only and self._crosses(order):
                raise BookError("WOULD_TAKE", "it would trade at once")
            order = self._keep(self._reserve(order))
            self._named[key, wish.client_id].append(order.id)
            self._say(What.NEW, order)
            self._match(order.id, resting=False)
            return self._orders[order.id]

    def cancel(self, key: str, order: Order, cancel_id: str | None = None) -> Order:
        """Take an order out. Raises BookError: CLOSED."""
        with self._lock:
            order = self._orders[order.id]
            if order.account != key or not order.status.is_open:
                raise BookError("CLOSED", f"order {order.id} is {order.status}")
            if self.slow_cancels:
                order = self._keep(replace(order, status=Status.PENDING_CANCEL))
                self._say(What.PENDING_CANCEL, order)
                return order
            return self._close(replace(order, cancel_id=cancel_id), Status.CANCELED, What.CANCELED)

    def amend(
        self,
        key: str,
        order: Order,
        quantity: Decimal,
        price: Decimal | None,
        stop_price: Decimal | None = None,
    ) -> Order:
        """Change an order in its place. Raises BookError: CLOSED, TOO_LITTLE, NO_FUNDS."""
        with self._lock:
            order = self._orders[order.id]
            if order.account != key or not order.status.is_open:
                raise BookError("CLOSED", f"order {order.id} is {order.status}")
            if quantity <= order.filled:
                raise BookError("TOO_LITTLE", f"{order.filled} of order {order.id} is traded")
            wish = replace(order.wish, quantity=quantity, price=price, stop_price=stop_price)
            changed = replace(self._release(order), wish=wish, changed_at=self.now())
            try:
                changed = self._reserve(changed)
            except BookError:
                self._keep(self._reserve(replace(order, locked=ZERO)))
                raise
            self._say(What.NEW, self._keep(changed))
            self._match(order.id, resting=False)
            return self._orders[order.id]

    def cancel_all(self, key: str, symbol: str | None = None) -> list[Order]:
        """Take out all open orders of an account."""
        with self._lock:
            return [self.cancel(key, it) for it in self.open_orders(key, symbol)]

    def by_client_id(self, key: str, client_id: str) -> Order | None:
        """Return the newest order of that id, or None: there is none, or it is hidden yet."""
        with self._lock:
            if self._hidden.get(client_id, 0) > 0:
                self._hidden[client_id] -= 1
                return None
            mine = self._named.get((key, client_id))
            return self._orders[mine[-1]] if mine else None

    def by_id(self, key: str, order_id: int) -> Order | None:
        """Return the order of that id, or None."""
        found = self._orders.get(order_id)
        return found if found is not None and found.account == key else None

    def orders(self, key: str | None = None, symbol: str | None = None) -> list[Order]:
        """Return the orders of an account, or of all, oldest first."""
        with self._lock:
            return [
                it
                for it in self._orders.values()
                if key in {None, it.account} and symbol in {None, it.listing.symbol}
            ]

    def open_orders(self, key: str | None = None, symbol: str | None = None) -> list[Order]:
        """Return those that still work, oldest first."""
        return [it for it in self.orders(key, symbol) if it.status.is_open]

    def trades(self, key: str | None = None, symbol: str | None = None) -> list[Trade]:
        """Return the fills, oldest first."""
        found = [trade for it in self.orders(key, symbol) for trade in it.trades]
        return sorted(found, key=lambda it: it.id)

    # What the venue does by itself, at a test's word.

    def open_account(
        self, key: str, secret: str, balances: Mapping[str, Decimal], *, margin: bool = False
    ) -> Account:
        """Let somebody trade."""
        with self._lock:
            account = Account(key, secret, margin=margin)
            for asset, amount in balances.items():
                account.balance(asset).free = amount
            self.accounts[key] = account
            return account

    def set_price(self, symbol: str, top: Top | None) -> None:
        """Move the market: stops wake, orders that are crossed are filled, oldest first."""
        with self._lock:
            if top is None:
                self._tops.pop(symbol, None)
                return
            self._tops[symbol] = top
            for order in self.open_orders(symbol=symbol):
                self._keep(self._seen(order))
                woke = self._wake(order.id)
                self._match(order.id, resting=not woke)

    def top(self, symbol: str) -> Top | None:
        """Return the best prices, or None if there is no market."""
        return self._tops.get(symbol)

    def fill(
        self, order: Order, quantity: Decimal, price: Decimal, *, whatever_its_state: bool = False
    ) -> Trade:
        """Trade a part of an order by hand.

        With `whatever_its_state` also one that is closed, or more than it asked for: venues do.
        Raises BookError: CLOSED or TOO_MUCH.
        """
        with self._lock:
            order = self._orders[order.id]
            if not whatever_its_state:
                if not order.status.is_open:
                    raise BookError("CLOSED", f"order {order.id} is {order.status}")
                if quantity > order.remaining:
                    raise BookError("TOO_MUCH", f"{order.remaining} remains of order {order.id}")
            return self._trade(order, quantity, price, maker=True)

    def reject(self, order: Order) -> Order:
        """Let the venue end an order it had accepted."""
        with self._lock:
            return self._close(self._orders[order.id], Status.REJECTED, What.REJECTED)

    def expire(self, order: Order) -> Order:
        """Let an order run out."""
        with self._lock:
            return self._close(self._orders[order.id], Status.EXPIRED, What.EXPIRED)

    def finish_cancel(self, order: Order) -> Order:
        """End a cancel that was only asked for."""
        with self._lock:
            return self._close(self._orders[order.id], Status.CANCELED, What.CANCELED)

    def hide(self, client_id: str, questions: int = 1) -> None:
        """Answer "not found" that many times, whether the order is there or not."""
        with self._lock:
            self._hidden[client_id] = questions

    def forget_account(self, key: str) -> None:
        """Revoke a key: nothing it asks for is answered any more."""
        with self._lock:
            self.accounts.pop(key, None)

    def check(self) -> None:
        """Raise AssertionError if the truth contradicts itself."""
        with self._lock:
            assert [it.number for it in self.entries] == list(range(1, len(self.entries) + 1))
            ids = [it.id for it in self.trades()]
            assert ids == sorted(set(ids))
            for key, account in self.accounts.items():
                for asset, balance in account.balances.items():
                    held = [
                        it.locked
                        for it in self.open_orders(key)
                        if it.pays_with == asset and not account.margin
                    ]
                    assert balance.locked == sum(held, ZERO), (key, asset, balance)
                    assert account.margin or balance.free >= 0, (key, asset, balance)

    # How.

    def _check_id(self, key: str, client_id: str) -> None:
        for it in self._named.get((key, client_id), ()):
            if self._unique_for_ever or self._orders[it].status.is_open:
                raise BookError("DUPLICATE", f"there is an order {client_id} already")

    def _reserve(self, order: Order) -> Order:
        account = self.accounts[order.account]
        if account.margin:
            return order
        top = self._tops.get(order.listing.symbol)
        price = order.wish.price or order.wish.stop_price or (top.ask if top else ZERO)
        amount = order.remaining if order.side is Side.SELL else order.remaining * price
        balance = account.balance(order.pays_with)
        if balance.free < amount:
            raise BookError("NO_FUNDS", f"{balance.free} {order.pays_with} is free, not {amount}")
        balance.free -= amount
        balance.locked += amount
        return replace(order, locked=amount)

    def _is_reached(self, order: Order) -> bool:
        top, stop = self._tops.get(order.listing.symbol), order.stop
        if top is None or stop is None:
            return False
        return top.ask >= stop if order.side is Side.BUY else top.bid <= stop

    def _seen(self, order: Order) -> Order:
        """Show a trailing stop the market."""
        top = self._tops.get(order.listing.symbol)
        if top is None or order.wish.kind is not Kind.TRAILING or order.triggered:
            return order
        sells = order.side is Side.SELL
        now = top.bid if sells else top.ask
        best = order.best if order.best is not None else now
        return replace(order, best=max(best, now) if sells else min(best, now))

    def _crosses(self, order: Order) -> bool:
        top, limit = self._tops.get(order.listing.symbol), order.wish.price
        if top is None:
            return False
        return limit is None or _at_least_as_good(top.price(order.side), limit, order.side)

    def _wake(self, order_id: int) -> bool:
        order = self._orders[order_id]
        if order.triggered or not self._is_reached(order):
            return False
        self._say(What.TRIGGERED, self._keep(replace(order, triggered=True)))
        return True

    def _match(self, order_id: int, *, resting: bool) -> None:
        order = self._orders[order_id]
        wish, top = order.wish, self._tops.get(order.listing.symbol)
        if top is None or not order.is_resting:
            return
        there_is, price = top.there_is(order.side), top.price(order.side)
        quantity = order.remaining if there_is is None else min(order.remaining, there_is)
        if wish.lasting is Lasting.FOK and quantity < order.remaining:
            quantity = ZERO
        if quantity > 0 and self._crosses(order):
            maker = resting and wish.price is not None
            at = wish.price if maker and wish.price is not None else price
            self._tops[order.listing.symbol] = top.less(order.side, quantity)
            self._trade(order, quantity, at, maker=maker)
        order = self._orders[order_id]
        waits = wish.price is not None and wish.lasting in {Lasting.GTC, Lasting.DAY}
        if order.status.is_open and not waits:
            self._close(order, Status.EXPIRED, What.EXPIRED)

    def _trade(self, order: Order, quantity: Decimal, price: Decimal, *, maker: bool) -> Trade:
        fee, fee_asset = self.fees.of(order, quantity, price)
        trade = Trade(
            id=next(self._trade_ids),
            order_id=order.id,
            quantity=quantity,
            price=price,
            fee=fee,
            fee_asset=fee_asset,
            at=self.now(),
            maker=maker,
        )
        after = replace(
            order,
            trades=(*order.trades, trade),
            locked=order.locked - self._pay(order, trade),
            status=_after_fill(order, quantity),
            changed_at=trade.at,
        )
        if not after.status.is_open:
            after = self._release(after)
        self._say(What.FILL, self._keep(after), trade)
        return trade

    def _pay(self, order: Order, trade: Trade) -> Decimal:
        """Move what was traded, and return how much of what the order had locked that took."""
        account, listing = self.accounts[order.account], order.listing
        buys = order.side is Side.BUY
        paid, got = (trade.notional, trade.quantity) if buys else (trade.quantity, trade.notional)
        limit = order.wish.price or order.wish.stop_price
        set_aside = trade.quantity * limit if buys and limit is not None else paid
        unlocked = min(set_aside, order.locked)
        source = account.balance(order.pays_with)
        source.locked -= unlocked
        source.free += unlocked - paid
        account.balance(listing.base if buys else listing.quote).free += got
        account.balance(trade.fee_asset).free -= trade.fee
        return unlocked

    def _close(self, order: Order, status: Status, what: What) -> Order:
        order = self._release(replace(order, status=status, changed_at=self.now()))
        self._keep(order)
        self._say(what, order)
        return order

    def _release(self, order: Order) -> Order:
        account = self.accounts[order.account]
        if order.locked and not account.margin:
            balance = account.balance(order.pays_with)
            balance.locked -= order.locked
            balance.free += order.locked
        return replace(order, locked=ZERO)

    def _keep(self, order: Order) -> Order:
        self._orders[order.id] = order
        return order

    def _say(self, what: What, order: Order, trade: Trade | None = None) -> None:
        entry = Entry(len(self.entries) + 1, what, order, self.now(), trade)
        self.entries.append(entry)
        for listener in tuple(self.listeners):
            listener(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self.entries))


def _after_fill(order: Order, quantity: Decimal) -> Status:
    if not order.status.is_open:
        return order.status
    if order.filled + quantity >= order.quantity:
        return Status.FILLED
    return order.status if order.status is Status.PENDING_CANCEL else Status.PARTIAL


def _at_least_as_good(price: Decimal, limit: Decimal, side: Side) -> bool:
    return price <= limit if side is Side.BUY else price >= limit
