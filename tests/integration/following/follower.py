"""A program to be killed: it forks a child for each line, and the child follows the log.

    python -m tests.integration.following.follower URL

A line is `tail`, or the kind of a handler and the event that makes it kill its process:
`projection STREAM VERSION`. It says `child PID`, `ready` once the child works, and `gone` when the
child is dead. Python is started once and forked often, for starting it takes longer than a round.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from tests.followers import QUICK, a_projection, a_reactor, note
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import DurableHandler, Effect
from traderbot.domain.portfolio.events import CashWithdrawn
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.following.runner import SubscriptionRunner
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade

LEASE_SECONDS = 0.3
PACE = replace(QUICK, lease_seconds=LEASE_SECONDS)


def say(line: str) -> None:
    """Write one line at once."""
    os.write(1, f"{line}\n".encode())


def letters(world: Engine) -> DurableHandler:
    """Return a reactor on a world that knows a letter by its token."""

    def handle(recorded: Recorded, effect: Effect) -> None:
        with world.begin() as connection:
            connection.execute(
                text("INSERT INTO world VALUES (:token, :index, 1) ON CONFLICT (token) "
                     "DO UPDATE SET deliveries = world.deliveries + 1"),
                {"token": effect.token, "index": recorded.position},
            )  # fmt: skip

    return a_reactor(handle, event_types=frozenset({CashWithdrawn}))


def deadly(kind: str, stream: str, version: int) -> DurableHandler:
    """Return a handler that one event has kill the process."""

    def die(recorded: Recorded) -> None:
        if (recorded.stream, recorded.version) == (stream, version):
            os.kill(os.getpid(), signal.SIGKILL)

    def project(recorded: Recorded, connection: Connection) -> None:
        note("deadly", recorded, connection)
        die(recorded)

    def react(recorded: Recorded, _effect: Effect) -> None:
        die(recorded)

    if kind == "reactor":
        return a_reactor(react, "deadly")
    return replace(a_projection("deadly"), handle=project)


def follow(url: str, line: str) -> None:
    """Follow until killed."""
    if line == "tail":
        handlers = [a_projection(), letters(writer_engine(url))]
    else:
        kind, stream, version = line.split()
        handlers = [deadly(kind, stream, int(version)), a_projection("other")]
    SubscriptionRunner(url, handlers, EventCodec(), pace=PACE).start()
    say("ready")


def main(url: str) -> None:
    """Fork a child for each line of the standard input."""
    with tempfile.TemporaryDirectory() as folder:
        # Whatever is imported late is imported now. No thread and no connection is left of it.
        warm = f"sqlite:///{Path(folder) / 'warm.db'}"
        engine = writer_engine(warm)
        upgrade(engine)
        engine.dispose()
        with SubscriptionRunner(warm, [], EventCodec()):
            pass
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                follow(url, line.strip())
            except BaseException:  # noqa: BLE001 - told, and no copy of the parent's loop goes on
                traceback.print_exc()
                say("failed")
            while True:
                signal.pause()
        say(f"child {pid}")
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    main(sys.argv[1])
