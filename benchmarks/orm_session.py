"""The usual way: the same work as one SQLAlchemy ORM session per call.

The same tables, the same encoded and hashed events, the same rows; loaded and flushed by the ORM's
unit of work, one transaction and one commit per call.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from traderbot.application.ports.recorded import Actor
from traderbot.domain.orders.events import OrderApproved, OrderEvent
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Approved, Check, OrderKind, Side, Ticket
from traderbot.domain.portfolio.events import ExposureReserved
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.infrastructure.event_store.body import GENESIS, compose, leaf_hash
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.log_tables import LogQueueRow
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.persistence.tables import (
    AnswerRow,
    BalanceRow,
    EventRow,
    LedgerRow,
    OrderRow,
    PortfolioRow,
    StreamRow,
)
from traderbot.infrastructure.system import Uuid7Source

_CASH = Decimal(1_000_000_000_000)
_RESERVED = Decimal("1206.205")


class OrmOrders:
    """Places the benchmark's order through an ORM session."""

    def __init__(self, url: str) -> None:
        """Make the tables and eight portfolios."""
        self._engine = writer_engine(url, connections=16)
        upgrade(self._engine)
        self._codec = EventCodec()
        self._ids = Uuid7Source()
        self._keys = itertools.count()
        self._owner = UserId(self._ids.new())
        self._portfolios = [PortfolioId(self._ids.new()) for _ in range(8)]
        now = datetime.now(UTC)
        with Session(self._engine) as session, session.begin():
            for id_ in self._portfolios:
                stream = f"portfolio-{id_}"
                session.add(
                    StreamRow(
                        stream_id=stream,
                        category="portfolio",
                        version=1,
                        head_hash=GENESIS,
                        created_at=now,
                    )
                )
                session.add(
                    PortfolioRow(
                        portfolio_id=id_,
                        owner_id=self._owner,
                        name="book",
                        opened_at=now,
                        updated_at=now,
                        stream_version=1,
                    )
                )
                session.add(
                    BalanceRow(
                        portfolio_id=id_,
                        currency="USD",
                        free=_CASH,
                        reserved=Decimal(0),
                        collateral=Decimal(0),
                        stream_version=1,
                    )
                )

    def place(self, caller: int, _number: int) -> None:
        """Place one order in one session and one commit."""
        portfolio_id = self._portfolios[caller % len(self._portfolios)]
        key = str(next(self._keys))
        now = datetime.now(UTC)
        with Session(self._engine) as session, session.begin():
            if session.get(AnswerRow, (self._owner, key)) is not None:
                return
            stream = session.get_one(StreamRow, f"portfolio-{portfolio_id}", with_for_update=True)
            balance = session.get_one(BalanceRow, (portfolio_id, "USD"))
            portfolio = session.get_one(PortfolioRow, portfolio_id)
            if balance.free < _RESERVED:
                msg = "the benchmark's own order was refused"
                raise AssertionError(msg)
            command_id = self._ids.new()
            events, order = self._decide(portfolio_id, now)
            self._append(session, command_id, now, events, stream)
            version = stream.version + 1
            stream.version, portfolio.stream_version, portfolio.updated_at = version, version, now
            balance.free -= _RESERVED
            balance.reserved += _RESERVED
            balance.stream_version = version
            session.add(_order_row(order))
            for line, (account, amount) in enumerate(
                (("cash:free", -_RESERVED), ("cash:reserved", _RESERVED))
            ):
                session.add(
                    LedgerRow(
                        portfolio_id=portfolio_id,
                        stream_version=version,
                        line=line,
                        account=account,
                        amount=amount,
                        currency="USD",
                        at=now,
                    )
                )
            session.add(
                AnswerRow(
                    scope=self._owner,
                    key=key,
                    fingerprint=leaf_hash(key.encode()),
                    command_id=command_id,
                    response=json.dumps({"order_id": order.id, "status": order.status}).encode(),
                    created_at=now,
                )
            )

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _decide(
        self, portfolio_id: PortfolioId, now: datetime
    ) -> tuple[tuple[OrderEvent | ExposureReserved, ...], Order]:
        ticket = Ticket(
            portfolio_id=portfolio_id,
            symbol=symbol("IBM"),
            side=Side.BUY,
            quantity=Quantity("10"),
            kind=OrderKind.LIMIT,
            limit_price=Price("120.50"),
        )
        verdict = Approved(
            ticket=ticket,
            reserved=Money(_RESERVED, "USD"),
            closing=Quantity(0),
            reference=Price("120.50"),
            checks=(
                Check("INSUFFICIENT_FUNDS", "1000000 USD", "1206.205 USD"),
                Check("ORDER_NOTIONAL_MAX", "10000 USD", "1205 USD"),
            ),
        )
        events = Order.place(OrderId(self._ids.new()), self._owner, verdict, at=now)
        approved = events[-1]
        assert isinstance(approved, OrderApproved)
        order = Order.from_events(events)
        reserved = ExposureReserved(
            portfolio_id=portfolio_id,
            at=now,
            order_id=order.id,
            symbol=ticket.symbol,
            cash=approved.reserved,
            closing=approved.closing,
        )
        return (*events, reserved), order

    def _append(
        self,
        session: Session,
        command_id: str,
        now: datetime,
        events: tuple[OrderEvent | ExposureReserved, ...],
        portfolio_stream: StreamRow,
    ) -> None:
        order_stream = f"order-{events[0].order_id}"
        placed = len(events) - 1
        head = GENESIS
        for number, event in enumerate(events):
            on_order = number < placed
            stream = order_stream if on_order else portfolio_stream.stream_id
            version = number + 1 if on_order else portfolio_stream.version + 1
            previous = head if on_order else portfolio_stream.head_hash
            name, schema, data = self._codec.encode(event)
            event_id = f"{command_id[:-3]}{number + 1:03x}"
            body = compose(
                actor=Actor("user", self._owner, "api"),
                causation_id=command_id,
                command_id=command_id,
                correlation_id=command_id,
                data=data,
                id_=event_id,
                occurred_at=instant_text(now),
                prev=previous,
                recorded_at=instant_text(now),
                schema=schema,
                stream=stream,
                type_=name,
                version=version,
            )
            hashed = leaf_hash(body)
            if on_order:
                head = hashed
            else:
                portfolio_stream.head_hash = hashed
            row = EventRow(
                event_id=event_id,
                stream_id=stream,
                version=version,
                type=name,
                schema=schema,
                occurred_at=now,
                recorded_at=now,
                command_id=command_id,
                correlation_id=command_id,
                causation_id=command_id,
                actor_type="user",
                actor_id=self._owner,
                body=body,
                leaf_hash=hashed,
            )
            session.add(row)
            if self._engine.dialect.name == "postgresql":
                session.flush()
                session.add(LogQueueRow(position=row.position))
        session.add(
            StreamRow(
                stream_id=order_stream,
                category="order",
                version=placed,
                head_hash=head,
                created_at=now,
            )
        )


def _order_row(order: Order) -> OrderRow:
    ticket = order.ticket
    return OrderRow(
        order_id=order.id,
        owner_id=order.owner_id,
        portfolio_id=ticket.portfolio_id,
        bot_run_id=None,
        symbol=ticket.symbol.code,
        side=ticket.side.value,
        kind=ticket.kind.value,
        time_in_force=ticket.time_in_force.value,
        quantity=ticket.quantity.value,
        limit_price=ticket.limit_price.value if ticket.limit_price else None,
        status=order.status.value,
        filled=order.filled.value,
        paid=order.paid.amount,
        fees=order.fees.amount,
        reserved=order.reserved.amount,
        closing=order.closing.value,
        currency="USD",
        reasons="[]",
        venue_order_id=None,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
        stream_version=order.version,
    )
