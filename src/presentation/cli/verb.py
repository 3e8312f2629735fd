"""A verb: a function with its words, its help and its example; and the words many verbs share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc
from typing import Annotated

from traderbot.presentation.cli.parameters import Option, Parameter, parameters_of

Database = Annotated[
    str | None,
    Option("The database to use; by default the one of the settings.", "URL|FILE"),
]
User = Annotated[
    str | None,
    Option("On whose behalf; by default the only active user, if there is one.", "EMAIL"),
]
About = Annotated[
    str | None,
    Option("Only what belongs to this user; by default everybody's.", "EMAIL"),
]
Key = Annotated[str | None, Option("Asked again with the same key, it is done once.", "TEXT")]
Limit = Annotated[int, Option("How many at most, up to 200.", "N", least=1, most=200)]
Cursor = Annotated[str | None, Option("The next_cursor of the page before.", "TEXT")]

# It takes a session and its own words, and answers with an exit code or None for done.
Function = Callable[..., int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One thing the command line can do."""

    name: str
    function: Function
    help: str
    example: str
    parameters: tuple[Parameter, ...]


class Verbs(dict[str, Verb]):
    """The verbs of a noun, by name, in the order they are written."""

    def verb(self, name: str, *, example: str) -> Callable[[Function], Function]:
        """Make a function a verb, of one word or two; its docstring is its help."""

        def decorate(function: Function) -> Function:
            self[name] = Verb(
                name=name,
                function=function,
                help=getdoc(function) or "",
                example=example,
                parameters=parameters_of(function),
            )
            return function

        return decorate
