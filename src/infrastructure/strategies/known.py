"""Every strategy this process may know: those that ship, those installed, those in files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from traderbot.domain.strategies.built_in import BUILT_IN
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.models.model_strategy import ModelStrategy
from traderbot.infrastructure.strategies.plugins import load_plugins
from traderbot.infrastructure.strategy_files import load_strategies, load_strategy_file

SHIPPED: tuple[type[BaseStrategy], ...] = (*BUILT_IN, ModelStrategy)


def know_strategies(sources: Iterable[Path] = ()) -> list[str]:
    """Register all of them; return the names that the sources, files or folders, brought.

    Raises:
        StrategyFileError, StrategyPluginError: one cannot be used; it says which, and why.
    """
    for kind in SHIPPED:
        StrategyRegistry.register(kind.name, kind)
    load_plugins()
    brought = []
    for source in sources:
        load = load_strategies if source.is_dir() else load_strategy_file
        brought += load(source)
    return brought
