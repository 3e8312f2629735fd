"""What the command line asks of the program it belongs to; `traderbot.doors` answers it.

Everything here may be slow to make, so it is asked for by the verb that needs it and never before:
`--help` touches none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from traderbot.application.application import Application
from traderbot.application.ports.backtests import Backtests
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.health import Health
from traderbot.application.ports.latch import Latch
from traderbot.application.ports.what_if import WhatIfAnswer
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol

# Called with how much is done and how much there is.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What `init` made, or found made already."""

    data_folder: str
    secret: str  # where the signing key is kept, never the key
    database: str  # its URL without the password
    schema: str
    created: bool  # whether the database was empty before


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionKey:
    """A new key, as it is written in a variable, and the id that follows from it."""

    text: str
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Which schema a database has, and which one this program needs."""

    database: str  # its URL without the password
    current: str | None  # None when the database is empty
    newest: str

    @property
    def is_newest(self) -> bool:
        """Whether nothing has to be done."""
        return self.current == self.newest


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """Where the settings would have the server listen."""

    host: str
    port: int
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingLine:
    """One variable, the value in use with secrets masked, and who set it."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingProblem:
    """One thing to put right before the program can start."""

    name: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """Something odd about a series of bars: which row and column, and what to do about it."""

    kind: str
    at: datetime
    message: str
    row: int = 0
    column: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """What the demonstration showed, for people and for programs, and where it is kept."""

    database: str
    lines: Sequence[str]
    as_json: Mapping[str, Any]
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSpeed:
    """Nanoseconds a bar of one indicator takes: live, in one series, in a table of symbols."""

    indicator: str
    live: float
    series: float
    matrix: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSpeeds:
    """How fast this machine computes every indicator."""

    compiled: bool
    speeds: Sequence[IndicatorSpeed]


class Sweeps(Protocol):
    """Sweeps and their trials, as documents; `trial.Trial` says what the best sets hold."""

    def run(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        grid: Mapping[str, str],
        terms: Mapping[str, str],
        resume: bool,
        processes: bool,
        best: int,
        by: str,
        progress: Progress,
    ) -> Mapping[str, Any]:
        """Run a sweep, or what is left of it; KeyboardInterrupt leaves what is done in the file."""
        ...

    def list(self) -> Sequence[Mapping[str, Any]]:
        """Return every sweep, the newest first."""
        ...

    def show(self, digest: str, best: int, by: str) -> Mapping[str, Any]:
        """Return the best sets of a sweep."""
        ...


class Research(Protocol):
    """Questions about luck, answered as documents; docs/research.md says what they hold."""

    def walk_forward(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        grid: Mapping[str, str],
        terms: Mapping[str, str],
        train: int,
        test: int,
        gap: int,
        anchored: bool,
        figure: str,
        progress: Progress,
    ) -> Mapping[str, Any]:
        """Choose the best set on each train span, and judge it on the bars after."""
        ...

    def monte_carlo(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        parameters: Mapping[str, str],
        terms: Mapping[str, str],
        runs: int,
        seed: int,
        block: float | None,
        progress: Progress,
    ) -> Mapping[str, Any]:
        """Put trades and bars together anew."""
        ...

    def significance(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        parameters: Mapping[str, str],
        terms: Mapping[str, str],
        runs: int,
        seed: int,
    ) -> Mapping[str, Any]:
        """Compare the entries with random ones."""
        ...

    def overfitting(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        grid: Mapping[str, str],
        terms: Mapping[str, str],
        slices: int,
        progress: Progress,
    ) -> Mapping[str, Any]:
        """Say how likely the best of all sets is best by chance."""
        ...


class Doors(Protocol):
    """The ways into the program. `database` is a URL or a SQLite file; None asks the settings.

    Every method raises TraderbotError with a sentence for the person at the keyboard.
    """

    def version(self) -> str:
        """Return the version of the program."""
        ...

    def application(self, database: str | None) -> AbstractContextManager[Application]:
        """Open a database that is there and has the newest schema; nothing is made or migrated."""
        ...

    def latch(self) -> Latch:
        """Return the switch that halts trading without a database; nothing is opened for it."""
        ...

    def initialise(self, database: str | None) -> Installation:
        """Make the data folder, the secrets and the database; what is there already stays."""
        ...

    def new_encryption_key(self) -> EncryptionKey:
        """Draw a key for sealing; it is kept nowhere, and nothing is opened for it."""
        ...

    def server_plan(self, database: str | None) -> ServerPlan:
        """Return where the server would listen."""
        ...

    def serve(
        self, database: str | None, host: str, port: int, on_ready: Callable[[str], None]
    ) -> None:
        """Serve the REST API until it is told to stop; `on_ready` hears the URL once it listens."""
        ...

    def work(self, database: str | None, on_ready: Callable[[str, str], None]) -> None:
        """Work in the background until it is told to stop.

        `on_ready` hears of the database, without its password, and of the anchor file.
        """
        ...

    def openapi(self) -> Mapping[str, Any]:
        """Return the schema of the REST API; nothing is opened for it."""
        ...

    def doctor(self, database: str | None) -> Sequence[Health]:
        """Look at everything the program stands on."""
        ...

    def settings(self) -> Sequence[SettingLine]:
        """Return every setting in use."""
        ...

    def setting_problems(self) -> Sequence[SettingProblem]:
        """Return everything that would keep the program from starting."""
        ...

    def schema(self, database: str | None) -> Schema:
        """Return which schema a database has."""
        ...

    def upgrade(self, database: str | None) -> Schema:
        """Bring a database to the newest schema, making it when it is not there."""
        ...

    def prune(self, database: str | None, before: datetime) -> int:
        """Forget idempotency keys used before an instant; return how many."""
        ...

    def schema_differences(self, database: str | None) -> Sequence[str]:
        """Return how the tables differ from what they should be."""
        ...

    def read_bars(
        self, path: Path, symbol: Symbol, timeframe: Timeframe, progress: Progress
    ) -> Sequence[Bar]:
        """Return the bars of a CSV or Parquet file; `progress` counts bytes, or rows."""
        ...

    def bar_source(self, name: str) -> AbstractContextManager[BarFeed]:
        """Open a source that bars can be downloaded from; nothing is asked yet."""
        ...

    def sample_bars(self, name: str) -> Sequence[Bar]:
        """Return the bars of a sample that comes with the program."""
        ...

    def odd_bars(self, bars: Sequence[Bar]) -> Sequence[Oddity]:
        """Return what is odd about one series."""
        ...

    def indicator_speeds(self, bars: int, progress: Progress) -> IndicatorSpeeds:
        """Measure every indicator on so many bars; nothing is opened for it."""
        ...

    def warm_up(self, progress: Progress) -> int:
        """Compile every kernel into the cache folder; return how many there are."""
        ...

    def load_strategies(self, folder: Path | None) -> None:
        """Register the strategies that come with the program, and those of a folder."""
        ...

    def new_strategy(
        self, name: str, kind: Literal["signals", "execute"], folder: Path
    ) -> tuple[Path, Path]:
        """Write a strategy to begin with, and its test; return both files."""
        ...

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
        """Return what is wrong with a strategy, as `strategy check --json` gives it.

        Without a name it is the only one that the sources, files or folders, bring.
        """
        ...

    def backtests(self) -> Backtests:
        """Return the backtests whose figures are kept in the data folder."""
        ...

    def research(self) -> Research:
        """Return what answers questions about luck; nothing is kept."""
        ...

    def sweeps(self) -> Sweeps:
        """Return the sweeps whose trials are kept in the data folder."""
        ...

    def demo(self, database: Path | None, on_progress: Progress) -> DemoReport:
        """Run the demonstration in an empty database, a new file if none is named."""
        ...

    def what_if(
        self, database: str | None, question: str, strategies: Path | None, progress: Progress
    ) -> WhatIfAnswer:
        """Return what would have happened, had it been as a JSON text says; nothing is recorded.

        `strategies` is a folder of strategies the answer may need.
        """
        ...
