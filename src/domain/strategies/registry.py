"""Which strategies there are, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import (
    InvalidParameterError,
    StrategyNameTakenError,
    UnknownStrategyError,
)
from traderbot.domain.strategies.strategy import BaseStrategy

# A name stands in URLs, file names and event logs.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)


class StrategyRegistry:
    """All strategies of this process. A strategy is there once its module was imported."""

    _strategies: ClassVar[dict[str, type[BaseStrategy]]] = {}

    @classmethod
    def register(cls, name: str, strategy_class: type[BaseStrategy]) -> None:
        """Make a strategy known. The same class again changes nothing.

        Raises:
            InvalidValueError: no usable name, or no subclass of BaseStrategy.
            StrategyNameTakenError: another class has the name.
        """
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            msg = f"not a strategy's name: {name!r:.60} (a letter, then letters, digits, _ . -)"
            raise InvalidValueError(msg)
        if not (isinstance(strategy_class, type) and issubclass(strategy_class, BaseStrategy)):
            msg = f"{name} is to be a subclass of BaseStrategy, not {strategy_class!r:.60}"
            raise InvalidValueError(msg)
        # setdefault looks and takes in one step: two threads cannot both win.
        holder = cls._strategies.setdefault(name, strategy_class)
        if holder is not strategy_class:
            raise StrategyNameTakenError(name, holder)

    @classmethod
    def get(cls, name: str) -> type[BaseStrategy] | None:
        """Return the class of that name, or None."""
        return cls._strategies.get(name)

    @classmethod
    def list_all(cls) -> list[str]:
        """Return every name, in the order they were registered."""
        return list(cls._strategies)

    @classmethod
    def create(cls, name: str, parameters: Mapping[str, str] | None = None) -> BaseStrategy:
        """Return a strategy with these parameters; what they leave out keeps its default.

        Raises:
            UnknownStrategyError: nobody registered that name.
            InvalidParameterError: a parameter is unknown, malformed or out of its bounds.
        """
        kind = cls.get(name)
        if kind is None:
            raise UnknownStrategyError(name, cls.list_all())
        try:
            return kind.from_parameters(parameters or {})
        except ValueError as error:  # how a constructor says no in plain Python
            raise InvalidParameterError(name, str(error)) from error
