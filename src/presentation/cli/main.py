"""The command line: `traderbot NOUN VERB`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, cast

import typer

from traderbot.presentation.cli.errors import ExitCode, UsageError, envelope, exit_code, sentence
from traderbot.presentation.cli.nouns import NOUNS, Noun
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import noun

if TYPE_CHECKING:  # --help must not pay for the whole application
    from traderbot.presentation.cli.doors import Doors

# typer exports this class alone; its parents have moved from click into typer over the versions.
_Usage = cast("type[Exception]", typer.BadParameter.__bases__[0])


def run(doors: Doors, arguments: Sequence[str] | None = None) -> int:
    """Do what the words say and return the exit code. Only a verb that needs it opens a door."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # From the words, not from the parser: an error of the parser is an answer in JSON, too.
    options = set(takewhile(lambda word: word != "--", words))
    session = Session(doors=doors, json="--json" in options, debug="--debug" in options)
    try:
        return _run(words, session)
    except BrokenPipeError:
        # Whoever read has seen enough. Nothing can be told on stdout, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except (KeyboardInterrupt, typer.Abort):
        session.say("interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - nobody above could tell it better
        return _tell(error, session)


def command_line(words: Sequence[str] | None = None) -> typer.Typer:
    """Return the command line with the verbs of the noun among `words`; None loads all of them."""
    named = next((word for word in words or () if not word.startswith("-")), None)
    root = noun()
    root.callback()(_root)
    for each in NOUNS:
        _add(each, root, load=words is None or each.name == named)
    return root


def _add(each: Noun, root: typer.Typer, *, load: bool) -> None:
    if not each.has_verbs:
        if load:
            root.add_typer(each.load())
        else:
            root.command(each.name, help=each.help)(_nothing)
    else:
        root.add_typer(each.load() if load else noun(), name=each.name, help=each.help)


def _run(words: list[str], session: Session) -> int:
    if words[:1] == ["--version"]:
        # No option of the root: typer would import pydantic to read it, before every --help.
        words = ["version", *words[1:]]
    command = typer.main.get_command(command_line(words))
    try:
        code = command.main(words, prog_name="traderbot", standalone_mode=False, obj=session)
    except _Usage as error:
        raise _in_our_words(error) from error
    return code if isinstance(code, int) else ExitCode.DONE


def _in_our_words(error: Exception) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "traderbot"
    message = getattr(error, "format_message", lambda: str(error))()
    if message.startswith("Usage:"):  # a noun without a verb: typer's message is its whole help
        return UsageError(f"{path} needs one more word:\n\n{message}")
    return UsageError(f"{message.rstrip('.')}; see: {path} --help")


def _tell(error: Exception, session: Session) -> int:
    if session.debug:
        traceback.print_exception(error)
    session.say(f"traderbot: {sentence(error)}")
    if session.json:
        session.answer(envelope(error))
    return exit_code(error)


def _root() -> None:
    """Trade on paper, and prove what happened.

    Every verb has --help with an example, and --json for programs. Exit codes: 0 done, 1 the
    answer is no, 2 could not run.
    """


def _nothing() -> None:
    """Stand in for a verb that was not asked for."""
