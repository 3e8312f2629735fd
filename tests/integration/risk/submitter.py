"""Another process that sends orders: `python -m tests.integration.risk.submitter URL`.

Each line on its standard input is a round: order ids with blanks between them. It begins their
submission from as many threads as there are, and then says how many went out.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from tests.integration.risk.racing import submit
from tests.stores import SqlStore, at_once
from traderbot.domain.shared.ids import OrderId


def main(url: str) -> None:
    """Serve rounds until the input ends."""
    with ExitStack() as stack:
        desk = SqlStore(stack, url).desk()
        print("ready", flush=True)  # noqa: T201 - how it talks
        for line in sys.stdin:
            calls = [submit(desk, OrderId(each)) for each in line.split()]
            sent = sum(not isinstance(it, BaseException) for it in at_once(calls, len(calls)))
            print(sent, flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main(sys.argv[1])
