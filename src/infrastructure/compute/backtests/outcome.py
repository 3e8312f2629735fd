"""What a backtest of the kernel comes to: columns, which become objects when they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import EXACT, canonical
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.backtests.terms import Scaled
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.kernels.trading import settling
from traderbot.infrastructure.compute.kernels.trading.settling import Integers

# The log of one run: whole numbers only, one row an event, in the order things happened.
EVENT_COLUMNS = np.dtype(
    [
        (name, np.int64)
        for name in (
            "kind",
            "bar",
            "at",
            "side",
            "lots",
            "price",
            "fee",
            "fee_millionths",
            "cash",
            "cash_millionths",
            "why",
        )
    ]
)
# One closed trade a row, as statistics and reports take it.
TRADE_COLUMNS = np.dtype(
    [
        ("entry_bar", np.int64),
        ("exit_bar", np.int64),
        ("side", np.int64),
        ("quantity", np.float64),
        ("entry_price", np.float64),
        ("exit_price", np.float64),
        ("profit", np.float64),
        ("fees", np.float64),
    ]
)
_WHYS = {
    settling.NO_FUNDS: "INSUFFICIENT_FUNDS",
    settling.TOO_MUCH: "ORDER_NOTIONAL_MAX",
    settling.NO_LOT: "BUDGET_BELOW_ONE_LOT",
}


class EventKind(StrEnum):
    """What a row of the log says: the first two at the close of a bar, a fill at the open."""

    PLACED = "placed"
    REFUSED = "refused"
    FILLED = "filled"


_KINDS = (EventKind.PLACED, EventKind.REFUSED, EventKind.FILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelEvent:
    """One row of the log in exact amounts; `cash` is what there is after it."""

    kind: EventKind
    bar: int
    at: int  # when the bar opened, nanoseconds since 1970
    side: Side
    quantity: Decimal
    price: Decimal | None
    fee: Decimal
    cash: Decimal
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One run: its log, its equity at every close, and what is summed over it.

    `equity` is floats, a view; whatever is exact is computed from the log. A run that overdrew its
    cash ends with that bar, and so does its equity.
    """

    bars: Columns = field(repr=False)
    scaled: Scaled = field(repr=False)
    log: Integers = field(repr=False)
    totals: Integers = field(repr=False)
    equity: FloatArray = field(repr=False)
    sums: FloatArray = field(repr=False)

    @property
    def fills(self) -> int:
        """How many orders were filled."""
        return int(self.totals[settling.FILLS])

    @property
    def trades(self) -> int:
        """How many positions were closed."""
        return int(self.totals[settling.TRADES])

    @property
    def wins(self) -> int:
        """How many of them made a profit after fees."""
        return int(self.totals[settling.WINS])

    @property
    def refused(self) -> int:
        """How many buys were refused."""
        return int(self.totals[settling.REFUSALS])

    @property
    def cash(self) -> Decimal:
        """The cash after the last fill, exact."""
        return self.scaled.money(*self._amount(settling.UNITS))

    @property
    def fees(self) -> Decimal:
        """All fees, exact."""
        return self.scaled.money(*self._amount(settling.FEES))

    @property
    def held(self) -> Decimal:
        """What is held after the last bar, exact."""
        return self.scaled.quantity(int(self.totals[settling.HELD]))

    @property
    def final_equity(self) -> Decimal:
        """Cash and what is held at the close of the last bar, exact; getting out costs nothing."""
        close = Decimal(repr(float(self.bars.close[self.last_bar])))
        return canonical(EXACT.add(self.cash, EXACT.multiply(self.held, close)))

    @property
    def last_bar(self) -> int:
        """The bar the run ended with: the last one, unless the cash was overdrawn."""
        return int(self.totals[settling.LAST])

    @property
    def max_drawdown(self) -> float:
        """The deepest fall of the equity from its peak, as a fraction of that peak."""
        return float(self.sums[0])

    @property
    def columns(self) -> npt.NDArray[np.void]:
        """The log as a structured array; its amounts are whole units and millionths of one."""
        return self.log.view(EVENT_COLUMNS)[:, 0]

    def events(self) -> Iterator[KernelEvent]:
        """Yield the log as objects, in exact amounts."""
        scaled = self.scaled
        for kind, bar, at, side, lots, price, *money, why in self.log.tolist():
            yield KernelEvent(
                kind=_KINDS[kind],
                bar=bar,
                at=at,
                side=Side.BUY if side > 0 else Side.SELL,
                quantity=scaled.quantity(lots),
                price=scaled.price(price) if price else None,
                fee=scaled.money(money[0], money[1]),
                cash=scaled.money(money[2], money[3]),
                codes=tuple(code for bit, code in _WHYS.items() if why & bit),
            )

    def trade_table(self) -> npt.NDArray[np.void]:
        """Return the closed trades, one row each, as floats; profit is after both fees."""
        fills = self.log[self.log[:, settling.KIND] == settling.FILLED]
        entries, exits = fills[0 : 2 * self.trades : 2], fills[1 : 2 * self.trades : 2]
        table = np.zeros(self.trades, TRADE_COLUMNS)
        scale, per_one = 10.0**self.scaled.places, float(self.scaled.floats[0])
        table["entry_bar"], table["exit_bar"] = entries[:, settling.BAR], exits[:, settling.BAR]
        table["side"] = 1
        table["quantity"] = entries[:, settling.QUANTITY] * float(self.scaled.floats[1])
        table["entry_price"] = entries[:, settling.PRICE] / scale
        table["exit_price"] = exits[:, settling.PRICE] / scale
        fees = entries + exits
        table["fees"] = _floats(
            fees[:, settling.FEE_UNITS], fees[:, settling.FEE_MILLIONTHS], per_one
        )
        notional = (exits[:, settling.PRICE] - entries[:, settling.PRICE]) * entries[
            :, settling.QUANTITY
        ]
        table["profit"] = _floats(
            notional - fees[:, settling.FEE_UNITS], -fees[:, settling.FEE_MILLIONTHS], per_one
        )
        return table

    def _amount(self, place: int) -> tuple[int, int]:
        return int(self.totals[place]), int(self.totals[place + 1])


def _floats(units: Integers, millionths: Integers, per_one: float) -> FloatArray:
    found: FloatArray = units / per_one + millionths / (per_one * 1e6)
    return found
