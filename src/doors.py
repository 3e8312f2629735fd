"""Answers the command line with the whole program.

Each room is imported by the door that leads into it: `traderbot --help` opens none, and must not
wait for any.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from traderbot.presentation.cli.errors import (
    DatabaseMissingError,
    SchemaNotNewestError,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from traderbot.application.application import Application
    from traderbot.application.ports.backtests import Backtests
    from traderbot.application.ports.feeds import BarFeed
    from traderbot.application.ports.health import Health
    from traderbot.application.ports.latch import Latch
    from traderbot.application.ports.what_if import WhatIfAnswer
    from traderbot.bootstrap import Traderbot
    from traderbot.domain.market.bars import Bar
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import Symbol
    from traderbot.infrastructure.settings import Settings
    from traderbot.presentation.api.app import ApiOptions
    from traderbot.presentation.cli.doors import (
        DemoReport,
        EncryptionKey,
        IndicatorSpeeds,
        Installation,
        Oddity,
        Progress,
        Research,
        Schema,
        ServerPlan,
        SettingLine,
        SettingProblem,
        Sweeps,
    )


class ProgramDoors:
    """`Doors` on the real program and its settings."""

    def version(self) -> str:
        """Return the version of the program."""
        from traderbot import __version__

        return __version__

    @contextmanager
    def application(self, database: str | None) -> Iterator[Application]:
        """Open a database that is there and has the newest schema; nothing is made or migrated."""
        with self._opened(database) as opened:
            yield opened.application

    @contextmanager
    def _opened(self, database: str | None) -> Iterator[Traderbot]:
        settings = _settings(database)
        self._need_newest_schema(database)
        from traderbot.bootstrap import Traderbot

        _keep_the_log_quiet()
        with _database_errors(settings), Traderbot.open(settings) as opened:
            yield opened

    def _need_newest_schema(self, database: str | None) -> None:
        schema = self.schema(database)
        if not schema.is_newest:
            msg = (
                f"{schema.database} has schema {schema.current}, and {schema.newest} is needed; "
                "run: traderbot db upgrade"
            )
            raise SchemaNotNewestError(msg)

    def latch(self) -> Latch:
        """Return the switch that halts trading without a database; nothing is opened for it."""
        from traderbot.infrastructure.halt_latch import FILE_NAME, FileLatch

        return FileLatch(_settings(None).data.dir / FILE_NAME)

    def initialise(self, database: str | None) -> Installation:
        """Make the data folder, the secrets and the database; what is there already stays."""
        from traderbot.infrastructure.settings_check import masked_url
        from traderbot.presentation.cli.doors import Installation

        settings = _settings(database)
        folder = settings.data.dir.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.signing_key()
        given = settings.auth.secret_key is not None
        before = self.upgrade(database)
        return Installation(
            data_folder=str(folder),
            secret="given by the settings" if given else str(settings.secret_key_path.absolute()),
            database=masked_url(settings.database_url),
            schema=before.newest,
            created=before.current is None,
        )

    def new_encryption_key(self) -> EncryptionKey:
        """Draw a key for sealing."""
        from traderbot.infrastructure.security.secret_box import sealing_key_id
        from traderbot.infrastructure.settings_log import drawn_seed, seed_of
        from traderbot.presentation.cli.doors import EncryptionKey

        text = drawn_seed()
        return EncryptionKey(text=text, key_id=sealing_key_id(seed_of(text)))

    def server_plan(self, database: str | None) -> ServerPlan:
        """Return where the server would listen."""
        from traderbot.presentation.cli.doors import ServerPlan

        settings = _settings(database)
        server = settings.server
        return ServerPlan(host=server.host, port=server.port, environment=settings.environment)

    def serve(
        self, database: str | None, host: str, port: int, on_ready: Callable[[str], None]
    ) -> None:
        """Serve the REST API until it is told to stop."""
        from traderbot.presentation.api.server import serve

        settings = _settings(database)
        _log_to_stderr(settings)
        options = _api_options(settings, self.version())
        with self._opened(database) as opened, opened.background():
            serve(
                opened.application, options, host, port, lambda listening: on_ready(listening.url)
            )

    def work(self, database: str | None, on_ready: Callable[[str, str], None]) -> None:
        """Work in the background until it is told to stop."""
        from traderbot.infrastructure.settings_check import masked_url
        from traderbot.infrastructure.signals import told_to_stop

        settings = _settings(database)
        _log_to_stderr(settings)
        with told_to_stop() as stopped, self._opened(database) as opened, opened.background():
            on_ready(masked_url(settings.database_url), str(settings.anchor_path))
            stopped.wait()

    def openapi(self) -> Mapping[str, Any]:
        """Return the schema of the REST API."""
        from traderbot.presentation.api.app import ApiOptions
        from traderbot.presentation.api.openapi import openapi_schema

        return openapi_schema(ApiOptions(version=self.version()))

    def doctor(self, database: str | None) -> Sequence[Health]:
        """Look at everything the program stands on."""
        from traderbot.application.ports.health import Health
        from traderbot.infrastructure.doctor import examine, python_check
        from traderbot.infrastructure.settings import problems

        arguments = _arguments(database)
        found = problems(arguments=arguments)
        if found:
            wrong = [Health("settings", ok=False, message=str(each)) for each in found]
            return [python_check(), *wrong]
        settings = _settings(database)
        well = Health("settings", ok=True, message=f"{settings.environment}, nothing is wrong")
        return [python_check(), well, *examine(settings)]

    def settings(self) -> Sequence[SettingLine]:
        """Return every setting in use."""
        from traderbot.infrastructure.settings_view import describe
        from traderbot.presentation.cli.doors import SettingLine

        return [
            SettingLine(name=each.name, value=each.value, origin=each.origin)
            for each in describe(_settings(None))
        ]

    def setting_problems(self) -> Sequence[SettingProblem]:
        """Return everything that would keep the program from starting."""
        from traderbot.infrastructure.settings import problems
        from traderbot.presentation.cli.doors import SettingProblem

        return [
            SettingProblem(name=each.name, message=each.message, remedy=each.remedy)
            for each in problems()
        ]

    def schema(self, database: str | None) -> Schema:
        """Return which schema a database has. Raises DatabaseMissingError."""
        settings = _settings(database)
        _refuse_missing_file(settings)
        with _engine(settings, write=False) as engine:
            return _schema(settings, engine)

    def upgrade(self, database: str | None) -> Schema:
        """Bring a database to the newest schema; return the one it had."""
        from traderbot.infrastructure.persistence.migrate import upgrade
        from traderbot.infrastructure.persistence.roles import grant_roles

        settings = _settings(database)
        with _engine(settings, write=True) as engine:
            before = _schema(settings, engine)
            upgrade(engine)
            with engine.begin() as connection:
                grant_roles(connection)  # also when the roles were made after the tables
        return before

    def prune(self, database: str | None, before: datetime) -> int:
        """Forget idempotency keys used before an instant; return how many."""
        from traderbot.infrastructure.persistence.prune import prune_answers

        settings = _settings(database)
        _refuse_missing_file(settings)
        with _engine(settings, write=True) as engine:
            return prune_answers(engine, before)

    def schema_differences(self, database: str | None) -> Sequence[str]:
        """Return how the tables differ from what they should be."""
        from traderbot.infrastructure.persistence.migrate import differences

        settings = _settings(database)
        _refuse_missing_file(settings)
        with _engine(settings, write=False) as engine:
            return differences(engine)

    def read_bars(
        self, path: Path, symbol: Symbol, timeframe: Timeframe, progress: Progress
    ) -> Sequence[Bar]:
        """Return the bars of a CSV or Parquet file."""
        import gzip

        from traderbot.infrastructure.market_data.bar_files import PARQUET, read_bars
        from traderbot.infrastructure.market_data.csv_bars import read_csv

        if path.suffix.lower() == PARQUET:
            return read_bars(path, symbol, timeframe, progress)
        size = path.stat().st_size
        with path.open("rb") as raw:
            packed = path.suffix.lower() == ".gz"
            lines = gzip.GzipFile(fileobj=raw) if packed else raw
            counted = _Counted(lines.readline, lambda: progress(raw.tell(), size))
            # Bytes, so that a line that is no text can be named.
            return read_csv(counted, symbol, timeframe)

    @contextmanager
    def bar_source(self, name: str) -> Iterator[BarFeed]:
        """Open a source that bars can be downloaded from; nothing is asked yet."""
        from traderbot.infrastructure.market_data.feeds.configured import open_source

        with open_source(name, _settings(None)) as feed:
            yield feed

    def sample_bars(self, name: str) -> Sequence[Bar]:
        """Return the bars of a sample that comes with the program."""
        from traderbot.infrastructure.market_data.sample_bars import sample_bars

        return sample_bars(name)

    def odd_bars(self, bars: Sequence[Bar]) -> Sequence[Oddity]:
        """Return what is odd about one series."""
        from traderbot.infrastructure.market_data.checks import check
        from traderbot.presentation.cli.doors import Oddity

        return [
            Oddity(
                kind=each.kind.value,
                at=each.at,
                message=each.message,
                row=each.row,
                column=each.column,
                advice=each.advice,
            )
            for each in check(bars)
        ]

    def indicator_speeds(self, bars: int, progress: Progress) -> IndicatorSpeeds:
        """Measure every indicator on so many bars; nothing is opened for it."""
        from traderbot.infrastructure.compute.measuring import compiled, measure
        from traderbot.presentation.cli.doors import IndicatorSpeed, IndicatorSpeeds

        speeds = [
            IndicatorSpeed(
                indicator=each.indicator, live=each.live, series=each.series, matrix=each.matrix
            )
            for each in measure(bars, progress)
        ]
        return IndicatorSpeeds(compiled=compiled(), speeds=speeds)

    def warm_up(self, progress: Progress) -> int:
        """Compile every kernel into the cache folder; return how many there are."""
        from traderbot.infrastructure.compute.warming import warm_up

        return warm_up(progress)

    def load_strategies(self, folder: Path | None) -> None:
        """Register the strategies that come with the program, and those of a folder."""
        from traderbot.infrastructure.strategies.known import know_strategies

        folder = folder or _settings(None).data.strategies
        know_strategies([] if folder is None else [folder])

    def new_strategy(
        self, name: str, kind: Literal["signals", "execute"], folder: Path
    ) -> tuple[Path, Path]:
        """Write a strategy to begin with, and its test."""
        from traderbot.infrastructure.strategies.templates import write_strategy

        return write_strategy(name, kind, folder)

    def check_strategy(
        self,
        name: str,
        *,
        sources: Sequence[Path],
        parameters: Mapping[str, str],
        bars: Sequence[Bar],
        seconds: float,
        progress: Progress,
    ) -> Mapping[str, Any]:
        """Ask a strategy in every way that has to give the same answers."""
        from dataclasses import asdict

        from traderbot.infrastructure.compute.columns import Columns
        from traderbot.infrastructure.strategies.checking.check import check

        found = check(
            name,
            Columns.of_bars(bars),
            parameters=parameters,
            sources=sources,
            symbol=bars[0].symbol.code,
            timeframe=bars[0].timeframe.value,
            seconds=seconds,
            on_progress=progress,
        )
        return {"ok": found.ok, **asdict(found)}

    def backtests(self) -> Backtests:
        """Return the backtests whose figures are kept in the data folder."""
        from traderbot.backtesting.desk import BacktestDesk

        return BacktestDesk(_settings(None).data.dir / "backtests")

    def research(self) -> Research:
        """Return what answers questions about luck; nothing is kept."""
        from traderbot.infrastructure.research.desk import ResearchDesk

        return ResearchDesk()

    def sweeps(self) -> Sweeps:
        """Return the sweeps whose trials are kept in the data folder."""
        from traderbot.infrastructure.compute.backtests.desk import SweepDesk

        return SweepDesk(_settings(None).data.dir / "sweeps.db")

    def demo(self, database: Path | None, on_progress: Progress) -> DemoReport:
        """Run the demonstration in an empty database."""
        from traderbot.demo import report_lines, run_demo
        from traderbot.presentation.cli.doors import DemoReport

        path = database or _fresh(_settings(None).data.dir)
        _keep_the_log_quiet()
        report = run_demo(str(path), on_progress, bundle=_bundle_beside(path))
        return DemoReport(
            database=str(path),
            lines=tuple(report_lines(report)),
            as_json=report.as_json(),
            ok=report.ok,
        )

    def what_if(
        self, database: str | None, question: str, strategies: Path | None, progress: Progress
    ) -> WhatIfAnswer:
        """Return what would have happened; the database is only read."""
        from traderbot.assembly.limits import costs_of, limits_of
        from traderbot.infrastructure.market_data.configured_store import bar_store
        from traderbot.what_if.answer import answer
        from traderbot.what_if.question import Terms, read_question

        asked = read_question(question)
        settings = _settings(database)
        self._need_newest_schema(database)
        self.load_strategies(strategies)
        terms = Terms(limits=limits_of(settings), costs=costs_of(settings))
        _keep_the_log_quiet()
        with _engine(settings, write=False) as engine:
            return answer(engine, bar_store(settings, engine), asked, terms, progress)


class _Counted:
    """Lines of a file, with a word about how far it was read every now and then."""

    _EVERY = 1000

    def __init__(self, readline: Callable[[int], bytes], tell: Callable[[], None]) -> None:
        self._readline = readline
        self._tell = tell
        self._lines = 0

    def readline(self, limit: int = -1, /) -> bytes:
        self._lines += 1
        if self._lines % self._EVERY == 0:
            self._tell()
        return self._readline(limit)


def _api_options(settings: Settings, version: str) -> ApiOptions:
    from traderbot.presentation.api.app import ApiOptions

    return ApiOptions(
        version=version,
        cors_origins=settings.server.cors_origins,
        trusted_hosts=settings.server.trusted_hosts,
        trusted_proxies=settings.server.trusted_proxies,
        production=settings.environment == "production",
    )


def _settings(database: str | None) -> Settings:
    from traderbot.infrastructure.settings import load_settings

    return load_settings(arguments=_arguments(database))


def _arguments(database: str | None) -> dict[str, object]:
    if database is None:
        return {}
    # A bare path names a file, as everywhere else; the settings know only URLs.
    url = database if "://" in database else f"sqlite:///{Path(database).absolute().as_posix()}"
    return {"database": {"url": url}}


@contextmanager
def _engine(settings: Settings, *, write: bool) -> Iterator[Engine]:
    from traderbot.infrastructure.persistence.database import reader_engine, writer_engine

    with _database_errors(settings):
        engine = (writer_engine if write else reader_engine)(settings.database_url)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def _database_errors(settings: Settings) -> Iterator[None]:
    """Say in our words what a driver says in its own."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from traderbot.application.errors import DatabaseUnavailableError
    from traderbot.infrastructure.settings_check import masked_url

    where = masked_url(settings.database_url)
    try:
        yield
    except SQLAlchemyError as error:
        origin = error.orig if isinstance(error, DBAPIError) else error
        first = (str(origin).splitlines() or [""])[0]
        raise DatabaseUnavailableError(f"{where} cannot be used: {first}") from error
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        msg = f"{where} needs the PostgreSQL driver: pip install 'traderbot-platform[postgres]'"
        raise DatabaseUnavailableError(msg) from error


def _schema(settings: Settings, engine: Engine) -> Schema:
    from traderbot.infrastructure.persistence.migrate import current, newest
    from traderbot.infrastructure.settings_check import masked_url
    from traderbot.presentation.cli.doors import Schema

    with engine.connect() as connection:
        found = current(connection)
    return Schema(database=masked_url(settings.database_url), current=found, newest=newest())


def _refuse_missing_file(settings: Settings) -> None:
    from traderbot.infrastructure.persistence.database import database_url

    url = database_url(settings.database_url)
    # Asked before, because to connect to a missing file makes it.
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        msg = f"there is no database {url.database}; make it with: traderbot init"
        raise DatabaseMissingError(msg)


def _log_to_stderr(settings: Settings) -> None:
    import logging

    logging.basicConfig(
        level=logging.DEBUG if settings.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # It tells of every start what nobody asked.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _keep_the_log_quiet() -> None:
    import logging

    # Python prints warnings nobody listens to; here each error is told once, by the command line.
    logging.getLogger("traderbot").addHandler(logging.NullHandler())


def _fresh(folder: Path) -> Path:
    """Return the first of demo.db, demo-2.db … of which nothing is there yet.

    What was published of an older demo must not be held against a new one.
    """
    number, path = 1, folder / "demo.db"
    while any(path.parent.glob(f"{path.stem}.*")) or any(path.parent.glob(f"{path.stem}-bundle*")):
        number += 1
        path = folder / f"demo-{number}.db"
    return path


def _bundle_beside(database: Path) -> Path:
    """Return the first of NAME-bundle, NAME-bundle-2 … that is not there yet."""
    number, path = 1, database.with_name(f"{database.stem}-bundle")
    while path.exists():
        number += 1
        path = database.with_name(f"{database.stem}-bundle-{number}")
    return path
