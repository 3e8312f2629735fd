"""The reference of every verb, docs/cli.md, made from the commands themselves.

Write it with `python -m traderbot.presentation.cli.reference > docs/cli.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from traderbot.presentation.cli.main import command_line

_HEAD = """# The command line

Written by the program itself: `python -m traderbot.presentation.cli.reference > docs/cli.md`.

`traderbot NOUN VERB` does one thing and ends. `traderbot --help` names the nouns,
`traderbot NOUN --help` the verbs.

## What every verb promises

- `--json` answers with exactly one JSON document on stdout. Amounts are decimal texts, instants
  are UTC as `2026-11-21T12:00:00.000000Z`. Progress and prose go to stderr, always.
- `--help` explains it, with an example. `--debug` shows where an error comes from.
- The exit code is 0 when it is done; 1 when the answer is no: findings, differences, a refused
  order, a thing that is not there; 2 when it could not run: usage, configuration, connection;
  130 after Ctrl-C.
- An error is a sentence on stderr with the next step. With `--json` it is on stdout as well:
  `{"success": false, "error": {"code", "message", "timestamp", "next_step"?, "details"?}}`.
- Nothing is ever asked, but a password that is missing, and that only at a terminal.
- `--database URL|FILE` names the database; without it the one of the settings
  ([configuration.md](configuration.md)) is used. A bare path is a SQLite file. Only `init`,
  `db upgrade` and `demo` make a database; only the first two change the schema of one.
- What changes something is written into the log with the name of the operating system's user, as
  an operator who came by the command line. `--user EMAIL` says on whose behalf; by default it is
  the only active user, if there is exactly one. Questions are about everybody unless it is given.
- Lists come newest first, in pages: `--limit N`, and `--cursor TEXT` with the `next_cursor` of
  the page before.
"""
_COMMON = {"json", "debug", "help"}


def markdown() -> str:
    """Return docs/cli.md."""
    return "\n".join((_HEAD, *_nouns())) + "\n"


def verbs() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the words of every verb and the command behind them."""
    root: Any = typer.main.get_command(command_line())
    for name, command in root.commands.items():
        if hasattr(command, "commands"):
            yield from (((name, verb), each) for verb, each in command.commands.items())
        else:
            yield (name,), command


def _nouns() -> Iterator[str]:
    noun = ""
    for words, command in verbs():
        if words[0] != noun:
            noun = words[0]
            yield f"## {noun}\n"
        if len(words) > 1:
            yield f"### {' '.join(words)}\n"
        yield from _verb(words, command)


def _verb(words: tuple[str, ...], command: Any) -> Iterator[str]:  # noqa: ANN401 - see `verbs`
    own = [each for each in command.params if each.name not in _COMMON]
    arguments = [each for each in own if each.param_type_name == "argument"]
    placed = [each.metavar if each.required else f"[{each.metavar}]" for each in arguments]
    options = ["[OPTIONS]"] if own != arguments else []
    yield f"`{' '.join(['traderbot', *words, *placed, *options])}`\n"
    yield f"{command.help}\n"
    if own:
        yield "".join(f"{_parameter(each)}\n" for each in own)
    yield f"```\n{command.epilog.partition('Example:')[2].strip()}\n```\n"


def _parameter(each: Any) -> str:  # noqa: ANN401 - see `verbs`
    names = [each.metavar] if each.param_type_name == "argument" else each.opts
    names = [*names, *each.secondary_opts]
    value = f" {each.metavar}" if each.metavar and each.metavar not in names else ""
    default = f" Default: `{each.default}`." if each.default not in {None, False} else ""
    return f"- `{'`, `'.join(names)}{value}`: {each.help}{default}"


if __name__ == "__main__":
    sys.stdout.write(markdown())
