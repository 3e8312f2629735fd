"""Whether the stored books balance: every entry in itself, and the accounts with what is shown.

This looks at stored rows only. That each of them is what the log makes is asked elsewhere; here the
tables are held against each other, as an accountant without the log could.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from traderbot.domain.portfolio.ledger import COLLATERAL, FREE, RESERVED
from traderbot.domain.shared.decimals import ZERO, add, plain
from traderbot.infrastructure.audit.findings import Bounded, short
from traderbot.infrastructure.persistence.state_rows import BALANCES, POSITIONS
from traderbot.infrastructure.persistence.statements import Row

LISTED = 100

Account = tuple[str, str]  # its name and its currency


class Books:
    """The ledgers of the portfolios that are being read. Only their sums are remembered."""

    def __init__(self) -> None:
        """Begin with no line."""
        self.imbalances: Bounded[str] = Bounded(LISTED)
        self._sums: dict[str, defaultdict[Account, Decimal]] = {}

    def add_entries(self, lines: Iterable[Row]) -> None:
        """Add whole entries: all lines of an event, in any order."""
        entries: defaultdict[tuple[str, int, str], Decimal] = defaultdict(Decimal)
        for portfolio, version, _line, name, text, currency, _at in lines:
            amount = self._amount(text, f"portfolio-{portfolio} v{version}")
            sums = self._sums.get(portfolio)
            if sums is None:
                sums = self._sums[portfolio] = defaultdict(Decimal)
            sums[name, currency] = add(sums[name, currency], amount)
            entry = portfolio, version, currency
            entries[entry] = add(entries[entry], amount)
        for (portfolio, version, currency), left in sorted(entries.items()):
            if left:
                self._tell(f"portfolio-{portfolio} v{version}", f"{plain(left)} {currency} is left")

    def close(self, portfolio: str, balances: Iterable[Row], positions: Iterable[Row]) -> None:
        """Compare a portfolio's accounts with its balances and positions, and forget them."""
        sums = self._sums.pop(portfolio, defaultdict(Decimal))
        where = f"portfolio-{portfolio}"
        for row in balances:
            balance = dict(zip(_BALANCES, row, strict=True))
            for account, column in _CASH.items():
                key = account, balance["currency"]
                self._compare(where, key, sums.pop(key, ZERO), balance[column])
        for row in positions:
            position = dict(zip(_POSITIONS, row, strict=True))
            key = f"position:{position['symbol']}", position["currency"]
            self._compare(where, key, sums.pop(key, ZERO), position["cost"])
        for key, left in sorted(sums.items()):
            if left and (key[0] in _CASH or key[0].startswith("position:")):
                self._compare(where, key, left, "0")

    def _compare(self, where: str, account: Account, booked: Decimal, shown: object) -> None:
        if self._amount(shown, where) != booked:
            name, currency = account
            said = f"{name} adds up to {plain(booked)} {currency}, shown is {short(shown)}"
            self._tell(where, said)

    def _amount(self, stored: object, where: str) -> Decimal:
        try:
            return Decimal(str(stored))
        except InvalidOperation:
            self._tell(where, f"{short(stored)} is not an amount")
            return ZERO

    def _tell(self, where: str, what: str) -> None:
        self.imbalances.add(f"{where}: {what}")


_BALANCES = [column.name for column in BALANCES.columns]
_POSITIONS = [column.name for column in POSITIONS.columns]
_CASH = {FREE: "free", RESERVED: "reserved", COLLATERAL: "collateral"}
