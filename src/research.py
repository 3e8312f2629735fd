"""What a result is worth, for use as a library: statistics, reports, and tests against luck."""

from __future__ import annotations

from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.statistics.catalogue import STATISTICS, statistics_of
from traderbot.infrastructure.compute.statistics.sample import Sample, sample
from traderbot.infrastructure.compute.statistics.sharpe_evidence import (
    deflated_sharpe,
    deviation_of,
    expected_best_sharpe,
    probabilistic_sharpe,
)
from traderbot.infrastructure.compute.statistics.statistic import Statistic, Unit
from traderbot.infrastructure.compute.statistics.trade_table import TRADE, TradeTable, trade_table
from traderbot.infrastructure.reports.report_input import (
    Assumption,
    PricePath,
    ReportInput,
    Trials,
)
from traderbot.infrastructure.reports.writing import write_reports
from traderbot.infrastructure.research.distribution import Spread
from traderbot.infrastructure.research.file_book import FileBook
from traderbot.infrastructure.research.learning import LearningSearcher
from traderbot.infrastructure.research.market import Market, Played
from traderbot.infrastructure.research.monte_carlo import MonteCarlo, block_bootstrap, trade_order
from traderbot.infrastructure.research.overfitting import Overfitting, overfitting
from traderbot.infrastructure.research.paths import (
    other_histories,
    resampled_bars,
)
from traderbot.infrastructure.research.search import (
    GridSearcher,
    RandomSearcher,
    Searcher,
    Trial,
    TrialBook,
    best_of,
    search,
)
from traderbot.infrastructure.research.significance import Significance, entry_significance
from traderbot.infrastructure.research.space import Choice, Real, Space, Whole, grid
from traderbot.infrastructure.research.splits import Split, purged_folds, walk_forward_splits
from traderbot.infrastructure.research.walk_forward import WalkForward, Window, walk_forward

__all__ = [
    "STATISTICS",
    "TRADE",
    "Assumption",
    "Choice",
    "Columns",
    "FileBook",
    "GridSearcher",
    "LearningSearcher",
    "Market",
    "MonteCarlo",
    "Overfitting",
    "Played",
    "PricePath",
    "RandomSearcher",
    "Real",
    "ReportInput",
    "Sample",
    "Searcher",
    "Significance",
    "Space",
    "Split",
    "Spread",
    "Statistic",
    "Terms",
    "TradeTable",
    "Trial",
    "TrialBook",
    "Trials",
    "Unit",
    "WalkForward",
    "Whole",
    "Window",
    "best_of",
    "block_bootstrap",
    "deflated_sharpe",
    "deviation_of",
    "entry_significance",
    "expected_best_sharpe",
    "grid",
    "other_histories",
    "overfitting",
    "probabilistic_sharpe",
    "purged_folds",
    "resampled_bars",
    "sample",
    "search",
    "statistics_of",
    "trade_order",
    "trade_table",
    "walk_forward",
    "walk_forward_splits",
    "write_reports",
]
