"""Orders of users on paper: sent, shown the market, filled and told of, whoever is killed."""

from __future__ import annotations

from datetime import timedelta

from tests.integration.bots.conftest import Place, minute_bars, this_minute
from tests.integration.bots.life import trading, until
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity, symbol


def test_an_order_on_paper_survives_kill_9_and_is_filled_by_the_next_life(place: Place) -> None:
    with place.bot() as bot:

        def order(kind: OrderKind, stop_price: Price | None = None) -> OrderId:
            ticket = Ticket(
                portfolio_id=place.portfolio,
                symbol=symbol("AAPL"),
                side=Side.BUY,
                quantity=Quantity(5),
                kind=kind,
                stop_price=stop_price,
            )
            placed = bot.run(PlaceOrder(owner_id=place.owner, ticket=ticket))
            assert placed.status == "approved"
            return OrderId(placed.order_id)

        def status(order_id: OrderId) -> str | None:
            found = bot.application.views.order(None, order_id)
            return None if found is None else found.status

        with trading(place.url, place.folder, 0):
            market = order(OrderKind.MARKET)
            stop = order(OrderKind.STOP, stop_price=Price(115))
            until(lambda: status(market) == status(stop) == "accepted")
        # Nobody is there when the market moves.
        bot.application.bars.add(minute_bars(this_minute() + timedelta(minutes=1), "3", "3", "3"))
        with trading(place.url, place.folder, 600):
            until(lambda: status(market) == status(stop) == "filled")
        found = bot.application.views.order(None, market)
        assert found is not None
        assert (found.venue, found.average_price) == ("paper", "100.05")
        story = [it.type for it in bot.application.audit.explain(stop).events]
        told = [it for it in story if it.startswith("order.")]
        assert told[:3] == ["order.placed", "order.approved", "order.submitting"]
        assert "order.triggered" in told
        assert told[-1] == "order.filled"
        assert not bot.application.audit.verify().findings
        assert not bot.application.audit.diff().differences
