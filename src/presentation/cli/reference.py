"""The reference of every verb, docs/cli.md, made from the commands themselves.

Write it with `python -m traderbot.presentation.cli.reference > docs/cli.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from traderbot.presentation.cli.nouns import NOUNS
from traderbot.presentation.cli.parameters import Parameter
from traderbot.presentation.cli.parser import usage
from traderbot.presentation.cli.verb import Verb

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
- Nothing is ever asked, but a password that is missing, and whether to carry a plan out, and that
  only at a terminal.
- `--database URL|FILE` names the database; without it the one of the settings
  ([configuration.md](configuration.md)) is used. A bare path is a SQLite file. Only `init`,
  `db upgrade` and `demo` make a database; only the first two change the schema of one.
- What changes something is written into the log with the name of the operating system's user, as
  an operator who came by the command line. `--user EMAIL` says on whose behalf; by default it is
  the only active user, if there is exactly one. Questions are about everybody unless it is given.
- Lists come newest first, in pages: `--limit N`, and `--cursor TEXT` with the `next_cursor` of
  the page before.
"""


def markdown() -> str:
    """Return docs/cli.md."""
    return "\n".join((_HEAD, *_sections())) + "\n"


def every_verb() -> Iterator[tuple[tuple[str, ...], Verb]]:
    """Yield each verb, and the words it is called by."""
    for noun in NOUNS:
        for name, verb in noun.load().items():
            yield ((noun.name, *name.split()) if noun.has_verbs else (name,)), verb


def _sections() -> Iterator[str]:
    noun = ""
    for words, verb in every_verb():
        if words[0] != noun:
            noun = words[0]
            yield f"## {noun}\n"
        if len(words) > 1:
            yield f"### {' '.join(words)}\n"
        yield f"`{usage(' '.join(('traderbot', *words)), verb)}`\n"
        yield f"{verb.help}\n"
        if verb.parameters:
            yield "".join(f"{_line(each)}\n" for each in verb.parameters)
        yield f"```\n{verb.example}\n```\n"


def _line(each: Parameter) -> str:
    metavar = each.declared.metavar
    value = f" {metavar}" if metavar and metavar not in each.names else ""
    default = f" Default: `{each.default}`." if each.default not in {None, False} else ""
    return f"- `{'`, `'.join(each.names)}{value}`: {each.declared.help}{default}"


if __name__ == "__main__":
    sys.stdout.write(markdown())
