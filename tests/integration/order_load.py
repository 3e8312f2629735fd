"""A program to be killed: it forks a child for each round, and the child places orders.

    python -m tests.integration.order_load URL OWNER_ID PORTFOLIO_ID

It imports once and forks often, for starting Python would take longer than a round lasts. A line
on its standard input starts the round of that name. It says, one line each and in this order:
`child PID`, `ready` when the child has opened the database, `KEY ORDER_ID` for every order that was
acknowledged, and `gone` when the child is dead. A child waits to be killed, whatever became of it:
its id is never free for another process before.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from threading import Barrier, Thread

from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.ports.commands import IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.bootstrap import Traderbot
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import Price, Quantity, symbol

THREADS = 8
ORDERS = 40  # of each thread in one round, if nobody kills it


def key_of(round_: str, thread: int, number: int) -> str:
    """Return the idempotency key of an order."""
    return f"{round_}-{thread}-{number}"


def wish(owner: UserId, portfolio: PortfolioId) -> PlaceOrder:
    """Return what every order asks for."""
    ticket = Ticket(
        portfolio_id=portfolio,
        symbol=symbol("BTC/USD"),
        side=Side.BUY,
        quantity=Quantity("0.1"),
        kind=OrderKind.LIMIT,
        limit_price=Price("99.99"),
    )
    return PlaceOrder(owner_id=owner, ticket=ticket)


def origin(owner: UserId, key: str) -> Origin:
    """Return who asks, and under which key."""
    return Origin(actor=Actor("user", owner, "load"), key=IdempotencyKey(owner, key))


def say(line: str) -> None:
    """Write one line at once: a line this short is written whole or not at all."""
    os.write(1, f"{line}\n".encode())


def place_orders(url: str, owner: UserId, portfolio: PortfolioId, round_: str) -> None:
    """Open the database and place orders from several threads until all are placed."""
    bot = Traderbot.open(url)
    command = wish(owner, portfolio)
    start = Barrier(THREADS + 1)

    def work(thread: int) -> None:
        start.wait()
        for number in range(ORDERS):
            key = key_of(round_, thread, number)
            order = bot.run(command, origin=origin(owner, key))
            say(f"{key} {order.order_id}")

    threads = [Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for each in threads:
        each.start()
    say("ready")
    start.wait()
    for each in threads:
        each.join()


def main(url: str, owner: UserId, portfolio: PortfolioId) -> None:
    """Fork a child for each line of the standard input."""
    with tempfile.TemporaryDirectory() as folder:
        # Whatever is imported late is imported now. No thread and no connection is left of it.
        Traderbot.open(str(Path(folder) / "warm.db")).close()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                place_orders(url, owner, portfolio, line.strip())
            except BaseException:  # noqa: BLE001 - told, and no copy of the parent's loop goes on
                traceback.print_exc()
                say("failed")
            while True:
                signal.pause()
        say(f"child {pid}")
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    main(sys.argv[1], UserId(sys.argv[2]), PortfolioId(sys.argv[3]))
