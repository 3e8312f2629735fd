"""Doors that open nothing: memory in place of a database, prepared answers in place of the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from tests.builders import NOON
from tests.stores import Desk
from traderbot.application.application import Application
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.audit import (
    AuditFinding,
    Cut,
    Difference,
    DiffReport,
    LogEntry,
    OrderExplanation,
    Progress,
    RebuildReport,
    ReplayReport,
    TreeReport,
    VerifyReport,
    VerifyScope,
)
from traderbot.application.ports.bundle import ExportReport, Proof
from traderbot.application.ports.health import Health
from traderbot.application.ports.latch import Latch, NoLatch
from traderbot.application.ports.market_data import SeriesSummary
from traderbot.application.ports.sealing import NextEpoch, SealingStatus, SealReport
from traderbot.application.ports.subscriptions import NoSubscriptions, Subscriptions
from traderbot.application.ports.what_if import WhatIfAnswer
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.system import SystemClock, Uuid7Source
from traderbot.presentation.cli.doors import (
    DemoReport,
    EncryptionKey,
    IndicatorSpeed,
    IndicatorSpeeds,
    Installation,
    Oddity,
    Schema,
    ServerPlan,
    SettingLine,
    SettingProblem,
    Sweeps,
)
from traderbot.presentation.cli.main import run

ROOT = "ab" * 32
_EVERYTHING = VerifyScope()


@dataclass
class FakeBars:
    """A store of bars, as a list."""

    kept: list[Bar] = field(default_factory=list)

    def add(self, bars: Sequence[Bar], source: str = "") -> int:
        del source
        new = [bar for bar in bars if bar not in self.kept]
        self.kept += new
        return len(new)

    def bars(self, symbol: Symbol, timeframe: Timeframe) -> list[Bar]:
        return [bar for bar in self.kept if (bar.symbol, bar.timeframe) == (symbol, timeframe)]

    def series(self) -> list[SeriesSummary]:
        return [
            SeriesSummary(
                symbol=bar.symbol, timeframe=bar.timeframe, first=bar.at, last=bar.at, count=1
            )
            for bar in self.kept
        ]


@dataclass
class FakeAudit:
    """Answers what the test prepared, and remembers how it was asked."""

    findings: Sequence[AuditFinding] = ()
    differences: Sequence[Difference] = ()
    imbalances: Sequence[str] = ()
    explanation: OrderExplanation | None = None
    cuts: list[Mapping[str, object]] = field(default_factory=list)
    with_snapshots: list[bool] = field(default_factory=list)
    scopes: list[VerifyScope] = field(default_factory=list)
    tree: TreeReport = field(default_factory=TreeReport)
    warnings: Sequence[str] = ()
    log: Sequence[LogEntry] = ()

    def verify(
        self, progress: Progress | None = None, scope: VerifyScope = _EVERYTHING
    ) -> VerifyReport:
        if progress is not None:
            progress(1, 1)
        self.scopes.append(scope)
        return VerifyReport(
            events=1,
            streams=1,
            state_rows=1,
            root=ROOT,
            seconds=0.5,
            findings=self.findings,
            tree=self.tree,
            warnings=self.warnings,
            first_bad_index=88_213 if self.findings else None,
            last_good_checkpoint=88_064,
        )

    def cut(self, **how: object) -> Cut:
        self.cuts.append(how)
        return Cut(size=1, last_recorded_at=NOON, root=ROOT)

    def replay(
        self,
        cut: Cut,
        owner_id: UserId | None = None,
        progress: Progress | None = None,
        *,
        snapshots: bool = True,
    ) -> ReplayReport:
        del owner_id, progress
        self.with_snapshots.append(snapshots)
        return ReplayReport(
            cut=cut, portfolios=(), orders=(), bot_runs=0, users=1, fingerprint="cd" * 32
        )

    def diff(self, progress: Progress | None = None) -> DiffReport:
        del progress
        return DiffReport(
            events=1, rows=1, differences=self.differences, ledger_imbalances=self.imbalances
        )

    def explain(self, order_id: OrderId, owner_id: UserId | None = None) -> OrderExplanation:
        del order_id, owner_id
        assert self.explanation is not None
        return self.explanation

    def tail(self, start: int | None = None) -> Sequence[LogEntry]:
        return [it for it in self.log if it.log_index >= (start or 0)]

    def rebuild(self, progress: Progress | None = None) -> RebuildReport:
        del progress
        return RebuildReport(events=1, rows={"orders": 1}, changed=self.differences, seconds=0.1)


@dataclass
class FakeSealing:
    """Answers what every log would, and remembers which epochs were started."""

    started: list[tuple[NextEpoch, str]] = field(default_factory=list)

    def seal(self) -> SealReport:
        epoch = 1 + len(self.started)
        return SealReport(
            sealed=2,
            size=7,
            root=ROOT,
            origin="log",
            epoch=epoch,
            checkpoint="log\n7\nroot\n\n— log signature\n",
            anchor="/d/anchors.jsonl",
            anchored_size=7,
            key="log+0a1b2c3d+key",
        )

    def status(self) -> SealingStatus:
        raise NotImplementedError

    def next_epoch(self) -> NextEpoch:
        return NextEpoch(
            epoch=2,
            origin="log/epoch-2",
            size=5,
            root=ROOT,
            published_size=9,
            published_root="cd" * 32,
        )

    def start_epoch(self, epoch: NextEpoch, reason: str) -> None:
        self.started.append((epoch, reason))


class FakePasswords:
    """Hashes nothing, so that no test waits for it."""

    def hash(self, password: str) -> str:
        return f"hash of {len(password)} characters"


@dataclass
class FakeBundles:
    """Shows one order and one event, and remembers for whom."""

    order: str = ""
    event: str = ""
    unsealed: int = 0
    left_out: int = 0
    asked: list[tuple[str, UserId | None]] = field(default_factory=list)

    def export(self, folder: Path, progress: Progress | None = None) -> ExportReport:
        if progress is not None:
            progress(1, 1)
        return ExportReport(
            folder=str(folder),
            origin="example.org/log",
            epoch=1,
            events=7,
            root=ROOT,
            anchors=2,
            key="example.org/log+01234567+AQ==",
            unsealed=self.unsealed,
            anchors_of_other_keys=self.unsealed,
        )

    def prove_order(self, order_id: OrderId, owner_id: UserId | None = None) -> Proof:
        return self._proof("order", order_id, self.order, owner_id)

    def prove_event(self, event_id: str, owner_id: UserId | None = None) -> Proof:
        return self._proof("event", event_id, self.event, owner_id)

    def _proof(self, what: str, id_: str, known: str, owner_id: UserId | None) -> Proof:
        self.asked.append((what, owner_id))
        if id_ != known:
            raise NotFoundError(what, id_)
        return Proof(
            text="{}\n\nthe proof\n\nthe note\n",
            stream=f"order-{id_}",
            first_version=1,
            last_version=3,
            index=5,
            size=7,
            root=ROOT,
            origin="example.org/log",
            left_out=self.left_out,
        )


@dataclass
class FakeDoors:
    """Doors a test prepares."""

    desk: Desk | None = None
    bars: FakeBars = field(default_factory=FakeBars)
    audit: FakeAudit = field(default_factory=FakeAudit)
    subscriptions: Subscriptions = field(default_factory=NoSubscriptions)
    sealing: FakeSealing = field(default_factory=FakeSealing)
    bundles: FakeBundles = field(default_factory=FakeBundles)
    environment: str = "development"
    problem: SettingProblem | None = None
    health: Sequence[Health] = (Health("python", ok=True, message="3.11"),)
    current: str | None = "0001"
    table_differences: Sequence[str] = ()
    pruned: list[datetime] = field(default_factory=list)
    oddities: Sequence[Oddity] = ()
    failure: BaseException | None = None  # what opening the application raises
    demo_ok: bool = True
    compiled: bool = True  # whether numba is there
    answer: WhatIfAnswer | None = None
    swept: Sweeps | None = None
    questions: list[tuple[str | None, str]] = field(default_factory=list)
    served: list[tuple[str, int]] = field(default_factory=list)
    databases: list[str | None] = field(default_factory=list)
    origins: list[Any] = field(default_factory=list)

    def version(self) -> str:
        return "1.2.3"

    @contextmanager
    def application(self, database: str | None) -> Iterator[Application]:
        self.databases.append(database)
        if self.failure is not None:
            raise self.failure
        desk = self.desk
        parts: dict[str, Any] = {
            "executor": _Noting(desk.writer, self.origins) if desk else None,
            "views": desk.views if desk else None,
            "bars": self.bars,
            "audit": self.audit,
            "event_pages": None,
            "checkpoints": None,
            "venue": None,
            "clock": SystemClock(),
            "ids": Uuid7Source(),
            "passwords": FakePasswords(),
            "tokens": None,
            "subscriptions": self.subscriptions,
            "sealing": lambda: self.sealing,
            "bundles": lambda: self.bundles,
        }
        yield Application(**parts)

    def latch(self) -> Latch:
        return NoLatch()

    def initialise(self, database: str | None) -> Installation:
        del database
        return Installation(
            data_folder="/d", secret="/d/s", database="sqlite:////d/t", schema="1", created=True
        )

    def new_encryption_key(self) -> EncryptionKey:
        return EncryptionKey(text="QUJD", key_id="0f1e2d3c4b5a6978")

    def server_plan(self, database: str | None) -> ServerPlan:
        del database
        return ServerPlan(host="127.0.0.1", port=8000, environment=self.environment)

    def serve(
        self, database: str | None, host: str, port: int, on_ready: Callable[[str], None]
    ) -> None:
        del database
        self.served.append((host, port))
        on_ready(f"http://{host}:{port}")

    def work(self, database: str | None, on_ready: Callable[[str, str], None]) -> None:
        self.databases.append(database)
        on_ready("sqlite:////d/t", "/d/t.anchors.jsonl")

    def openapi(self) -> Mapping[str, Any]:
        return {"openapi": "3.1.0"}

    def doctor(self, database: str | None) -> Sequence[Health]:
        del database
        return self.health

    def settings(self) -> Sequence[SettingLine]:
        return [SettingLine(name="TRADERBOT_DEBUG", value="false", origin="default")]

    def setting_problems(self) -> Sequence[SettingProblem]:
        return [] if self.problem is None else [self.problem]

    def schema(self, database: str | None) -> Schema:
        return Schema(database=str(database), current=self.current, newest="0001")

    def upgrade(self, database: str | None) -> Schema:
        before = self.schema(database)
        self.current = "0001"
        return before

    def prune(self, database: str | None, before: datetime) -> int:
        del database
        self.pruned.append(before)
        return 3

    def schema_differences(self, database: str | None) -> Sequence[str]:
        del database
        return self.table_differences

    def read_bars(
        self, path: Path, symbol: Symbol, timeframe: Timeframe, progress: Progress
    ) -> Sequence[Bar]:
        raise TraderbotError(f"{path} {symbol} {timeframe} {progress}")

    def sample_bars(self, name: str) -> Sequence[Bar]:
        raise TraderbotError(name)

    def odd_bars(self, bars: Sequence[Bar]) -> Sequence[Oddity]:
        del bars
        return self.oddities

    def indicator_speeds(self, bars: int, progress: Progress) -> IndicatorSpeeds:
        progress(1, 1)
        speed = IndicatorSpeed(indicator="rsi", live=3_000.0, series=bars / 1e5, matrix=0.25)
        return IndicatorSpeeds(compiled=self.compiled, speeds=[speed])

    def warm_up(self, progress: Progress) -> int:
        progress(1, 1)
        return 40 if self.compiled else 0

    def load_strategies(self, folder: Path | None) -> None:
        if folder is not None:
            raise FileNotFoundError(2, "No such file or directory", str(folder))

    def sweeps(self) -> Sweeps:
        assert self.swept is not None
        return self.swept

    def demo(self, database: Path | None, on_progress: Progress) -> DemoReport:
        on_progress(1, 2)
        return DemoReport(
            database=str(database or "demo.db"),
            lines=("three trades",),
            as_json={"trades": 3},
            ok=self.demo_ok,
        )

    def what_if(
        self, database: str | None, question: str, strategies: Path | None, progress: Progress
    ) -> WhatIfAnswer:
        self.load_strategies(strategies)
        progress(1, 1)
        self.questions.append((database, question))
        assert self.answer is not None
        return self.answer


@dataclass
class _Noting:
    """An executor that notes where its commands came from."""

    inner: Any
    origins: list[Any]

    def run(self, command: Any, origin: Any) -> Any:
        self.origins.append(origin)
        return self.inner.run(command, origin)


@dataclass(frozen=True)
class Outcome:
    """What a call of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; anything beside it fails the test."""
        return json.loads(self.out)


class Terminal:
    """Calls the command line in this process."""

    def __init__(self, doors: FakeDoors, capsys: pytest.CaptureFixture[str]) -> None:
        self.doors = doors
        self._capsys = capsys

    def __call__(self, *words: str) -> Outcome:
        code = run(cast("Any", self.doors), words)
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)
