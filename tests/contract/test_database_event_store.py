"""The store behind a bus, on every database that has a log."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.followers import House
from tests.stores import SqlStore, until
from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import DurableHandler, Effect
from traderbot.domain.portfolio.events import CashDeposited
from traderbot.infrastructure.event_bus import DatabaseEventStore, EventBus


@pytest.fixture
def house(sql_store: SqlStore) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(sql_store, stack)


class Listener:
    """A reactor that keeps what it hears; it fails or hangs as it is told."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        self.heard: list[str] = []
        self.fails = fails
        self.go_on = threading.Event()
        self.go_on.set()
        self.handler = DurableHandler(
            name=name,
            kind=HandlerKind.DURABLE_REACTOR,
            handle=self._handle,
            event_types=frozenset({CashDeposited}),
            start=Start.BEGINNING,
            replay=ReplayPolicy.NEVER,
        )

    def _handle(self, recorded: Recorded, _effect: Effect) -> None:
        self.go_on.wait(20)
        if self.fails:
            msg = "on purpose"
            raise RuntimeError(msg)
        self.heard.append(recorded.id)


def deposits(store: DatabaseEventStore) -> list[str]:
    return [it.id for it in store.events() if isinstance(it.event, CashDeposited)]


def test_handlers_of_a_bus_hear_of_everything_that_was_and_is_recorded(house: House) -> None:
    bus = EventBus()
    first, second = Listener("first"), Listener("second")
    owned = house.desk.portfolio("1 USD")
    house.seal()
    with DatabaseEventStore(house.url) as store:
        bus.subscribe(CashDeposited, first.handler)
        bus.set_event_store(store)
        bus.subscribe(CashDeposited, second.handler)
        house.desk.deposit(owned, "2 USD")
        size = house.seal()
        assert store.size() == size
        for name in ("first", "second"):
            assert store.wait_for(name, size - 1, 20)
        assert first.heard == second.heard == deposits(store)
        assert len(first.heard) == 2
        bus.close()


def test_a_handler_goes_on_where_it_was(house: House) -> None:
    owned = house.desk.portfolio("1 USD")
    heard: list[str] = []
    for _ in range(2):
        bus, listener = EventBus(), Listener("one")
        with DatabaseEventStore(house.url) as store:
            bus.set_event_store(store)
            bus.subscribe(CashDeposited, listener.handler)
            size = house.seal()
            assert store.wait_for("one", size - 1, 20)
            heard += listener.heard
            bus.close()
            house.desk.deposit(owned, "2 USD")
            house.seal()
            known = deposits(store)
    assert heard == known[:-1]


def test_a_handler_that_fails_or_waits_delays_no_other(house: House) -> None:
    bus = EventBus()
    well, failing, slow = Listener("well"), Listener("failing", fails=True), Listener("slow")
    slow.go_on.clear()
    house.desk.portfolio("1 USD")
    size = house.seal()
    with DatabaseEventStore(house.url) as store:
        bus.set_event_store(store)
        for listener in (slow, failing, well):
            bus.subscribe(CashDeposited, listener.handler)
        assert store.wait_for("well", size - 1, 20)
        assert not store.wait_for("slow", size - 1, 0)
        assert len(well.heard) == 1
        slow.go_on.set()
        assert store.wait_for("slow", size - 1, 20)
        until(lambda: bool(house.put_aside("failing")))
        assert "on purpose" in house.put_aside("failing")[0].error
        bus.close()


def test_the_log_is_read_from_an_index_on_and_a_stream_from_its_beginning(house: House) -> None:
    owned = house.desk.portfolio("1 USD")
    house.deposits([owned], 3)
    size = house.seal()
    with DatabaseEventStore(house.url) as store:
        events = list(store.events())
        assert [it.position for it in events] == list(range(size))
        assert list(store.events(3)) == events[3:]
        assert list(store.events(size)) == []
        stream = store.stream(f"portfolio-{owned.id}")
        assert [it.version for it in stream] == [1, 2, 3, 4, 5]
        assert {it.id for it in stream} <= {it.id for it in events}
        assert store.stream("portfolio-of-nobody") == []


def test_nobody_is_run_twice_by_one_store(house: House) -> None:
    with DatabaseEventStore(house.url) as store:
        stop = store.follow([Listener("one").handler])
        with pytest.raises(ValueError, match="one is run already"):
            store.follow([Listener("one").handler])
        stop()
        stop()
        store.follow([Listener("one").handler])


def test_a_handler_of_what_is_no_event_is_refused_at_once(house: House) -> None:
    handler = DurableHandler(
        name="odd",
        kind=HandlerKind.DURABLE_PROJECTION,
        handle=lambda _recorded, _connection: None,
        event_types=frozenset({int}),
    )
    bus = EventBus()
    with DatabaseEventStore(house.url) as store:
        bus.set_event_store(store)
        with pytest.raises(ValueError, match="no event of the log: int"):
            bus.subscribe(int, handler)
        assert bus.get_subscribers_count(int) == 0


def test_a_database_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with DatabaseEventStore(str(path)) as store:
        assert not path.exists()
        assert (store.size(), list(store.events())) == (0, [])
        assert path.exists()
        assert not store.wait_for("nobody", 0, 0)


def test_without_a_name_it_is_the_database_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert DatabaseEventStore().url == f"sqlite:///{tmp_path}/traderbot-data/traderbot.db"
    monkeypatch.setenv("TRADERBOT_DATABASE__URL", "sqlite:///other.db")
    assert DatabaseEventStore().url == "sqlite:///other.db"


def test_a_store_that_cannot_be_opened_leaves_the_bus_without_one() -> None:
    bus = EventBus()
    bus.subscribe(CashDeposited, Listener("one").handler)
    with pytest.raises(DatabaseUnavailableError):
        bus.set_event_store(DatabaseEventStore("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(DatabaseUnavailableError):  # the same again: it has none still
        bus.set_event_store(DatabaseEventStore("postgresql://nobody@127.0.0.1:1/none"))
    bus.close()
