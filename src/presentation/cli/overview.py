"""The help of the command line and of each noun: which words may come next."""

from __future__ import annotations

from collections.abc import Iterable

from traderbot.presentation.cli.nouns import NOUNS, Noun
from traderbot.presentation.cli.verb import Verb

_INTRODUCTION = """Trade on paper, and prove what happened.

Every verb has --help with an example, and --json for programs.
Exit codes: 0 done, 1 the answer is no, 2 could not run."""


def program_help() -> str:
    """Return `traderbot --help`."""
    rows = ((each.name, each.help) for each in NOUNS)
    return _help("traderbot NOUN [VERB] [OPTIONS]", _INTRODUCTION, "Nouns", rows)


def noun_help(noun: Noun, word: str = "") -> str:
    """Return `traderbot NOUN --help`, or what verbs of two words there are behind the first."""
    start = f"{word} " if word else ""
    rows = (
        (each.name.removeprefix(start), _first_sentence(each))
        for each in noun.load().values()
        if each.name.startswith(start)
    )
    return _help(f"traderbot {noun.name} {start}VERB [OPTIONS]", noun.help, "Verbs", rows)


def _help(usage: str, introduction: str, title: str, rows: Iterable[tuple[str, str]]) -> str:
    known = list(rows)
    width = max(len(name) for name, _ in known)
    lines = "".join(f"  {name:<{width}}  {text}\n" for name, text in known)
    return f"usage: {usage}\n\n{introduction}\n\n{title}:\n{lines}"


def _first_sentence(verb: Verb) -> str:
    return verb.help.partition("\n")[0].partition(". ")[0].rstrip(".") + "."
