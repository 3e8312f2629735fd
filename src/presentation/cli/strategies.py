"""`traderbot strategy …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Table
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

if TYPE_CHECKING:
    from traderbot.domain.strategies.strategy import BaseStrategy

verbs = Verbs()

Folder = Annotated[
    Path | None,
    Option("A folder of .py files with strategies of your own.", "DIR", name="--strategies"),
]


@verbs.verb("list", example="traderbot strategy list --strategies my-strategies")
def list_(session: Session, *, strategies: Folder = None) -> None:
    """List every strategy. Those of a folder are programs: they are run to be listed."""
    from traderbot.domain.strategies.registry import StrategyRegistry

    session.doors.load_strategies(strategies)
    kinds = [(name, StrategyRegistry.get(name)) for name in StrategyRegistry.list_all()]
    items = [
        {"name": name, "description": kind.description if kind else ""} for name, kind in kinds
    ]
    rows = [(item["name"], item["description"]) for item in items]
    session.answer({"items": items}, Table(("strategy", "what it does"), rows))


@verbs.verb("show", example="traderbot strategy show RSI_CROSS")
def show(
    session: Session,
    name: Annotated[str, Argument("NAME", "The strategy's name.")],
    *,
    strategies: Folder = None,
) -> None:
    """Show a strategy with its parameters, their defaults and their bounds."""
    from traderbot.domain.strategies.errors import UnknownStrategyError
    from traderbot.domain.strategies.registry import StrategyRegistry

    session.doors.load_strategies(strategies)
    kind = StrategyRegistry.get(name)
    if kind is None:
        raise UnknownStrategyError(name, StrategyRegistry.list_all())
    strategy, defaults = _by_default(name, kind)
    bounds = {each: str(bound) for each, bound in kind.bounds.items()}
    path = f"{kind.__module__}.{kind.__qualname__}"
    document = {
        "name": name,
        "description": kind.description,
        "warm_up": None if strategy is None else strategy.warm_up,
        "window": None if strategy is None else strategy.window,
        "parameters": defaults,
        "bounds": bounds,
        "class": path,
    }
    facts = [("strategy", name), ("what it does", kind.description)]
    if strategy is not None:
        seen = "all since the first of the run" if strategy.window is None else str(strategy.window)
        facts += [("bars before a signal", str(strategy.warm_up)), ("bars it looks at", seen)]
    rows = [
        (each, "to be given" if text is None else text, bounds.get(each, ""))
        for each, text in defaults.items()
    ]
    table = Table(("parameter", "default", "bounds"), rows, empty="no parameters")
    session.answer(document, Facts([*facts, ("class", path)]), "", table)


def _by_default(
    name: str, kind: type[BaseStrategy]
) -> tuple[BaseStrategy | None, Mapping[str, str | None]]:
    """Return the strategy as it is without a word, if it can be; None stands for what it needs."""
    from inspect import Parameter, signature

    from traderbot.domain.shared.errors import DomainError
    from traderbot.domain.strategies.parameters import parameter_text
    from traderbot.domain.strategies.registry import StrategyRegistry

    try:
        strategy = StrategyRegistry.create(name)
        return strategy, dict(strategy.parameters())
    except DomainError:  # somebody's own, with a parameter that has no default
        return None, {
            each: None if known.default is Parameter.empty else parameter_text(each, known.default)
            for each, known in signature(kind).parameters.items()
            if known.kind not in {Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL}
        }
