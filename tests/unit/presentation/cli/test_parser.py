"""How the words behind a verb are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest

from traderbot.presentation.cli.errors import UsageError
from traderbot.presentation.cli.parameters import Argument, Option, parameters_of
from traderbot.presentation.cli.parser import Parser
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

_verbs = Verbs()


@_verbs.verb("try", example="traderbot try 100%")
def _try(
    session: Session,
    side: Annotated[Literal["buy", "sell"], Argument("buy|sell", "100 % this way.")],
    file: Annotated[Path | None, Argument("FILE", "A file.")] = None,
    *,
    count: Annotated[int, Option("How many.", "N", least=1, most=9)] = 3,
    loud: Annotated[bool, Option("Say it loud.")] = False,
    active: Annotated[bool | None, Option("Only these.", opposite="--inactive")] = None,
    other_name: Annotated[str | None, Option("A text.", "TEXT", name="--named")] = None,
) -> None:
    """Try it."""


_PARSER = Parser("traderbot try", _verbs["try"])
_DEFAULTS = {"file": None, "count": 3, "loud": False, "active": None, "other_name": None}


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["buy"], {}),
        (["sell", "x.csv"], {"side": "sell", "file": Path("x.csv")}),
        (["--count", "9", "buy"], {"count": 9}),
        (["--count=1", "buy", "--loud"], {"count": 1, "loud": True}),
        (["buy", "--active"], {"active": True}),
        (["buy", "--inactive"], {"active": False}),
        (["buy", "--named", "50 %"], {"other_name": "50 %"}),
        (["buy", "--", "--loud"], {"file": Path("--loud")}),
        (["buy", "--json", "--debug"], {}),
    ],
)
def test_words_become_what_the_function_takes(words: list[str], read: dict[str, object]) -> None:
    assert _PARSER.read(words) == {"side": "buy", **_DEFAULTS, **read}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required: buy|sell"),
        (["hold"], "one of buy, sell, not 'hold'"),
        (["buy", "--count", "10"], "a number from 1 to 9, not '10'"),
        (["buy", "--count", "٣"], "a number from 1 to 9"),
        (["buy", "--count"], "expected one argument"),
        (["buy", "--lou"], "unrecognized arguments: --lou"),
        (["buy", "x", "y"], "unrecognized arguments: y"),
    ],
)
def test_words_that_do_not_fit_are_one_sentence(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        _PARSER.read(words)
    assert said in str(refused.value)
    assert str(refused.value).endswith("; see: traderbot try --help")


def test_the_help_shows_how_it_is_called() -> None:
    told = _PARSER.help()
    assert told.startswith("usage: traderbot try buy|sell [FILE] [OPTIONS]\n\nTry it.\n")
    assert "100 % this way." in told
    assert "--named TEXT" in told
    assert told.endswith("Example:\n  traderbot try 100%\n")


def test_a_parameter_without_a_declaration_is_a_mistake() -> None:
    def undeclared(session: Session, name: str) -> None: ...

    with pytest.raises(TypeError, match="name is no parameter of a command line"):
        parameters_of(undeclared)
