"""Noticing that the log has grown: in SQLite by looking, in PostgreSQL by being told.

Workers look by themselves now and then as well, so a word that is lost costs a second, not events.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Engine

from traderbot.infrastructure.following.subscription_store import SubscriptionStore
from traderbot.infrastructure.following.workplace import Workplace

_log = logging.getLogger(__name__)

CHANNEL: Final = "traderbot_log"  # the sealer notifies in the transaction that seals
_LOOK_SECONDS: Final = 0.1
_LISTEN_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 1.0


class Watch:
    """A thread that nudges when the log may have grown."""

    def __init__(self, reading: Engine, nudge: Callable[[], None], told: threading.Event) -> None:
        """Prepare; `told` ends it."""
        self._reading = reading
        self._nudge = nudge
        self._told = told
        self._thread = threading.Thread(target=self._work, name="traderbot-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for its end; return whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        watch = self._look if self._reading.dialect.name == "sqlite" else self._listen
        while not self._told.is_set():
            try:
                with self._reading.connect() as connection:
                    watch(connection)
            except Exception as error:  # noqa: BLE001 - of the database or its driver
                _log.warning("the log is looked at only once a second: %r", error)
                self._told.wait(_PAUSE_SECONDS)

    def _look(self, connection: Connection) -> None:
        # On the driver's connection: within a transaction the answer would never change.
        driver: Any = connection.connection.driver_connection
        seen = None
        while not self._told.wait(_LOOK_SECONDS):
            version = driver.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                self._nudge()

    def _listen(self, connection: Connection) -> None:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        driver: Any = connection.connection.driver_connection
        try:
            self._nudge()  # for what came before it listened
            while not self._told.is_set():
                for _ in driver.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                    self._nudge()
        finally:
            connection.invalidate()  # nobody else is to have a connection that listens


class Renewal:
    """A thread that lengthens every lease of an owner well before it ends."""

    def __init__(self, place: Workplace) -> None:
        """Prepare."""
        self._place = place
        self._thread = threading.Thread(target=self._work, name="traderbot-leases", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for its end; return whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        place = self._place
        store: SubscriptionStore = place.store
        while not place.closing.told.wait(place.pace.lease_seconds / 3):
            try:
                with place.writing.begin() as connection:
                    store.renew(connection, place.owner, place.pace.lease_seconds)
            except Exception as error:  # noqa: BLE001 - tried again before the leases end
                _log.warning("the leases could not be renewed: %r", error)
