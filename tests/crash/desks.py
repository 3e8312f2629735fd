"""One desk as a process: `python -m tests.crash.desks --database URL --venue URL --ready-file F`.

It trades at Binance's server until SIGTERM, and ends as a program in good order does. How long that
took is the last line it prints.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

from tests.builders import limits
from tests.stores import SqlStore
from traderbot.application.trading.desk import TradingDesk
from traderbot.application.trading.pace import DeskPace
from traderbot.application.trading.stopping import StopOnAlarm
from traderbot.infrastructure.brokers.ccxt_venue import CcxtVenue
from traderbot.infrastructure.system import SystemClock

_ROOT = Path(__file__).parents[2]
LOOSE = limits(order_notional_max="1000000", order_notional_fraction="1")


def main() -> None:
    """Trade until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--venue", required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--timeout", type=float, default=5.0)
    options = parser.parse_args()
    ends = Event()
    signal.signal(signal.SIGTERM, lambda *_: ends.set())
    with ExitStack() as stack:
        store = SqlStore(stack, options.database)
        writing = store.desk(limits=LOOSE, venue="binance")
        venue = CcxtVenue(
            account="main",
            key="key",
            secret="secret",
            clock=SystemClock(),
            address=options.venue.removeprefix("http://"),
            timeout_seconds=options.timeout,
        )
        stack.callback(venue.close)
        alarms = StopOnAlarm(writing.writer, writing.views)
        pace = DeskPace(look=0.05, patience=5.0)
        desk = TradingDesk(
            writing.writer, writing.views, venue, SystemClock(), alarms=alarms, pace=pace
        )
        with desk.running():
            while not desk.may_send and not ends.is_set():
                time.sleep(0.05)
            options.ready_file.write_text("ready", encoding="utf-8")
            ends.wait()
            began = time.monotonic()
        print(f"closed in {time.monotonic() - began:.1f} s", flush=True)


@contextmanager
def desk_process(
    database: str, venue: str, folder: Path, number: int = 0, timeout: float = 5.0
) -> Iterator[subprocess.Popen[str]]:
    """Run one until the block ends; whoever wants to know how it ends, ends it."""
    ready = folder / f"desk-{number}-{time.monotonic_ns()}"
    command = [
        sys.executable, "-m", "tests.crash.desks", "--database", database, "--venue", venue,
        "--ready-file", str(ready), "--timeout", str(timeout),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while not ready.exists():
                assert process.poll() is None, "the desk ended at once"
                assert time.monotonic() < deadline, "the desk does not start"
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    main()
