"""What every verb has in common: --json, --debug, an example, and an exit code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from traderbot.presentation.cli.session import Session

Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL|FILE", help="The database to use; by default the one of the settings."
    ),
]
User = Annotated[
    str | None,
    typer.Option(
        metavar="EMAIL", help="On whose behalf; by default the only active user, if there is one."
    ),
]
About = Annotated[
    str | None,
    typer.Option(
        "--user", metavar="EMAIL", help="Only what belongs to this user; by default everybody's."
    ),
]
Key = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Asked again with the same key, it is done once."),
]
Limit = Annotated[
    int, typer.Option(min=1, max=200, metavar="N", help="How many at most, up to 200.")
]
Cursor = Annotated[
    str | None, typer.Option(metavar="TEXT", help="The next_cursor of the page before.")
]

_JSON = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]
_DEBUG = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]

# A verb takes a session and its own options, and answers with an exit code or None for done.
Verb = Callable[..., int | None]


def noun() -> typer.Typer:
    """Return an empty noun; `main.py` names it."""
    return typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # errors are told in main.py
        rich_markup_mode=None,  # else every --help pays for rich
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def verb(of: typer.Typer, name: str, *, example: str) -> Callable[[Verb], Verb]:
    """Make a function a verb of a noun; its docstring is its help, the example ends it.

    The options that each verb has are added to the function's own here, so that none is forgotten.
    """

    def decorate(function: Verb) -> Verb:
        signature = inspect.signature(function, eval_str=True)
        own = [each for key, each in signature.parameters.items() if key != "session"]
        given = [_keyword("json", _JSON), _keyword("debug", _DEBUG)]

        @functools.wraps(function)
        def run(ctx: typer.Context, *, json: bool, debug: bool, **options: Any) -> int:  # noqa: ANN401
            session = Session(doors=ctx.obj.doors, json=json, debug=debug)
            return function(session, **options) or 0

        context = inspect.Parameter(
            "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )
        parameters = [context, *(each.replace(kind=each.KEYWORD_ONLY) for each in own), *given]
        # Both are read: newer versions of typer look at the signature, older ones at the names.
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        of.command(name, epilog=f"\b\nExample:\n  {example}")(run)
        return function

    return decorate


def _keyword(name: str, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation
    )
