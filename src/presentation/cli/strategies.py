"""`traderbot strategy …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

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
    """Show a strategy with its parameters and their defaults."""
    from traderbot.domain.strategies.registry import StrategyRegistry

    session.doors.load_strategies(strategies)
    strategy = StrategyRegistry.create(name)
    document = {
        "name": name,
        "description": strategy.description,
        "warm_up": strategy.warm_up,
        "window": strategy.window,
        "parameters": strategy.parameters(),
        "class": _path(strategy),
    }
    facts = Facts(
        [
            ("strategy", name),
            ("what it does", strategy.description),
            ("bars before a signal", str(strategy.warm_up)),
            ("bars it looks at", str(strategy.window)),
            ("class", _path(strategy)),
        ]
    )
    table = Table(
        ("parameter", "default"), list(strategy.parameters().items()), empty="no parameters"
    )
    session.answer(document, facts, "", table)


def _path(strategy: BaseStrategy) -> str:
    return f"{type(strategy).__module__}.{type(strategy).__qualname__}"
