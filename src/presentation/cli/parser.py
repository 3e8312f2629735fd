"""Reads the words behind a verb.

argparse, because --help has to be quick: typer imports pydantic to read any option, which takes
longer than everything else together.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from traderbot.presentation.cli.errors import UsageError
from traderbot.presentation.cli.parameters import Argument, Option, Parameter
from traderbot.presentation.cli.verb import Verb


class Parser:
    """The words of one verb."""

    def __init__(self, path: str, verb: Verb) -> None:
        """Prepare to read what follows `path`, such as `traderbot order place`."""
        self._verb = verb
        self._parser = _Parser(
            prog=path,
            usage=usage(path, verb),
            description=verb.help,
            epilog=f"Example:\n  {verb.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
            allow_abbrev=False,  # a new option must not change what an old script means
        )
        for each in verb.parameters:
            _add(self._parser, each)
        flag = self._parser.add_argument
        flag("--json", action="store_true", help="Answer with one JSON document on stdout.")
        flag("--debug", action="store_true", help="Show where an error comes from.")
        flag("-h", "--help", action="store_true", help="Show this message.")

    def read(self, words: Sequence[str]) -> dict[str, Any]:
        """Return what the verb's function takes. Raises UsageError."""
        found = vars(self._parser.parse_args(words))
        return {each.key: found[each.key] for each in self._verb.parameters}

    def help(self) -> str:
        """Return the help of the verb."""
        return self._parser.format_help()


def usage(path: str, verb: Verb) -> str:
    """Return the one line that shows how the verb is called."""
    places = [each for each in verb.parameters if isinstance(each.declared, Argument)]
    words = [each.names[0] if each.required else f"[{each.names[0]}]" for each in places]
    options = ["[OPTIONS]"] if len(places) < len(verb.parameters) else []
    return " ".join((path, *words, *options))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise, instead of ending the process in argparse's own words."""
        raise UsageError(f"{message}; see: {self.prog} --help")


def _add(parser: _Parser, each: Parameter) -> None:
    declared = each.declared
    how: dict[str, Any] = {"help": declared.help.replace("%", "%%")}
    if each.kind is bool:
        parser.add_argument(
            each.names[0], dest=each.key, action="store_true", default=each.default, **how
        )
        if len(each.names) > 1:
            how["help"] = "The opposite."
            parser.add_argument(each.names[1], dest=each.key, action="store_false", **how)
        return
    how |= {"metavar": declared.metavar, "type": _reader(each)}
    if isinstance(declared, Argument):
        if not each.required:
            how |= {"nargs": "?", "default": each.default}
        parser.add_argument(each.key, **how)
    else:
        if each.repeated:
            how["action"] = "append"
        parser.add_argument(
            each.names[0], dest=each.key, default=each.default, required=each.required, **how
        )


def _reader(each: Parameter) -> Callable[[str], object]:
    declared = each.declared
    if each.choices:
        return lambda text: _chosen(text, each.choices)
    if each.kind is int and isinstance(declared, Option):
        return lambda text: _number(text, declared)
    return each.kind


def _chosen(text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        msg = f"one of {', '.join(choices)}, not {text!r:.60}"
        raise argparse.ArgumentTypeError(msg)
    return text


def _number(text: str, declared: Option) -> int:
    if text.isascii() and text.isdigit():
        number = int(text)
        least = number if declared.least is None else declared.least
        most = number if declared.most is None else declared.most
        if least <= number <= most:
            return number
    msg = f"a number from {declared.least} to {declared.most}, not {text!r:.60}"
    raise argparse.ArgumentTypeError(msg)
