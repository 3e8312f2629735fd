"""Strategies of installed packages, found by the entry point group `traderbot.strategies`."""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar

from traderbot.application.errors import ApplicationError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy

GROUP = "traderbot.strategies"


class StrategyPluginError(ApplicationError):
    """An installed package brings a strategy that cannot be used. Names both and the reason."""

    code: ClassVar[str] = "STRATEGY_PLUGIN"

    def __init__(self, point: EntryPoint, reason: str) -> None:
        self.point = point
        package = point.dist.name if point.dist is not None else "an installed package"
        super().__init__(
            f"{package} cannot bring {point.name} ({point.value}): {reason}; "
            "mend it, or uninstall the package"
        )


def load_plugins() -> list[str]:
    """Import what installed packages offer; return the names of the strategies they brought.

    An entry point names a strategy's class, or a module whose classes with a name are taken.

    Raises:
        StrategyPluginError: it cannot be imported, is no strategy, or its name is taken.
    """
    before = set(StrategyRegistry.list_all())
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        for kind in _kinds(point):
            try:
                StrategyRegistry.register(kind.name or point.name, kind)
            except Exception as error:
                raise StrategyPluginError(point, str(error)) from error
    return [name for name in StrategyRegistry.list_all() if name not in before]


def _kinds(point: EntryPoint) -> list[type[BaseStrategy]]:
    try:
        found = point.load()
    except Exception as error:
        raise StrategyPluginError(point, f"{type(error).__name__}: {error}") from error
    if inspect.ismodule(found):
        return [
            each
            for each in vars(found).values()
            if inspect.isclass(each)
            and issubclass(each, BaseStrategy)
            and each.__module__ == found.__name__
            and each.name
        ]
    if inspect.isclass(found) and issubclass(found, BaseStrategy):
        return [found]
    raise StrategyPluginError(point, "it is neither a strategy's class nor a module")
