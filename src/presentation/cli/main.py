"""The command line: `traderbot NOUN VERB`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING

from traderbot.presentation.cli.errors import ExitCode, UsageError, envelope, exit_code, sentence
from traderbot.presentation.cli.nouns import NOUNS, Noun
from traderbot.presentation.cli.overview import noun_help, program_help
from traderbot.presentation.cli.parser import Parser
from traderbot.presentation.cli.session import Session

if TYPE_CHECKING:  # --help must not pay for the whole application
    from traderbot.presentation.cli.doors import Doors
    from traderbot.presentation.cli.verb import Verb, Verbs

_HELP = frozenset({"-h", "--help"})


def run(doors: Doors, arguments: Sequence[str] | None = None) -> int:
    """Do what the words say and return the exit code. Only a verb that needs it opens a door."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Looked for here and not by the parser, whose errors are told in JSON as well.
    options = set(takewhile(lambda word: word != "--", words))
    session = Session(doors=doors, json="--json" in options, debug="--debug" in options)
    try:
        return _noun(words, session)
    except BrokenPipeError:
        # Whoever read has seen enough. Nothing can be told on stdout, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except KeyboardInterrupt:
        session.say("interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - nobody above could tell it better
        return _tell(error, session)


def _noun(words: Sequence[str], session: Session) -> int:
    first, *rest = words or [""]
    if first in _HELP:
        return _show(program_help())
    if first == "--version":
        first = "version"
    if not first:
        raise UsageError(f"say what to do:\n\n{program_help().rstrip()}")
    noun = next((each for each in NOUNS if each.name == first), None)
    if noun is None:
        raise _unknown("traderbot", first, [each.name for each in NOUNS])
    verbs = noun.load()
    if not noun.has_verbs:
        return _verb(f"traderbot {noun.name}", verbs[noun.name], rest, session)
    return _verb_of(noun, verbs, rest, session)


def _verb_of(noun: Noun, verbs: Verbs, words: Sequence[str], session: Session) -> int:
    """Do what a verb of one word or two says, such as `list` or `parked list`."""
    path, name = f"traderbot {noun.name}", ""
    while name not in verbs:
        word, *words = words or [""]
        if word in _HELP:
            return _show(noun_help(noun, name))
        so_far = f"{path} {name}".rstrip()
        if not word:
            raise UsageError(f"{so_far} needs one more word:\n\n{noun_help(noun, name).rstrip()}")
        name = f"{name} {word}".lstrip()
        if name not in verbs and not any(each.startswith(f"{name} ") for each in verbs):
            begun = name.removesuffix(word)
            known = [each.removeprefix(begun) for each in verbs if each.startswith(begun)]
            raise _unknown(so_far, word, known)
    return _verb(f"{path} {name}", verbs[name], words, session)


def _verb(path: str, verb: Verb, words: Sequence[str], session: Session) -> int:
    parser = Parser(path, verb)
    if _HELP.intersection(takewhile(lambda word: word != "--", words)):
        return _show(parser.help())
    return verb.function(session, **parser.read(words)) or ExitCode.DONE


def _show(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return ExitCode.DONE


def _unknown(path: str, word: str, known: Iterable[str]) -> UsageError:
    if word.startswith("-"):
        return UsageError(f"{word} comes too early: options stand behind the verb")
    near = get_close_matches(word, known, n=1)
    guess = f"; did you mean {near[0]}?" if near else ""
    return UsageError(f"{path} knows no {word!r:.60}{guess} See: {path} --help")


def _tell(error: Exception, session: Session) -> int:
    if session.debug:
        traceback.print_exception(error)
    session.say(f"traderbot: {sentence(error)}")
    if session.json:
        session.answer(envelope(error))
    return exit_code(error)
