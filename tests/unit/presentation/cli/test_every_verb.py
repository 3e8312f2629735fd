"""What is promised of every verb, asked of every verb."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.presentation.cli.fakes import Terminal
from traderbot.presentation.cli.nouns import NOUNS
from traderbot.presentation.cli.reference import every_verb, markdown

_VERBS = [words for words, _ in every_verb()]
_DOCUMENT = Path(__file__).parents[4] / "docs" / "cli.md"


@pytest.mark.parametrize("words", _VERBS, ids=" ".join)
def test_the_help_of_a_verb_has_an_example_of_itself(cli: Terminal, words: tuple[str, ...]) -> None:
    told = cli(*words, "--help")
    assert told.code == 0
    assert f"Example:\n  traderbot {' '.join(words)}" in told.out
    assert [each for each in ("--json", "--debug", "-h, --help") if each not in told.out] == []


@pytest.mark.parametrize("words", _VERBS, ids=" ".join)
def test_a_wrong_option_is_one_sentence_and_one_document(
    cli: Terminal, words: tuple[str, ...]
) -> None:
    told = cli(*words, "--json", "--nonsense")
    assert told.code == 2
    assert told.json["success"] is False
    assert told.json["error"]["code"] == "USAGE"
    assert told.err.count("\n") == 1
    assert f"see: traderbot {' '.join(words)} --help" in told.err


@pytest.mark.parametrize("noun", [each.name for each in NOUNS if each.has_verbs])
def test_the_help_of_a_noun_names_its_verbs(cli: Terminal, noun: str) -> None:
    told = cli(noun, "--help")
    assert told.code == 0
    assert all(words[1] in told.out for words in _VERBS if words[0] == noun)


def test_the_help_names_every_noun_with_its_own_words(cli: Terminal) -> None:
    told = cli("--help")
    assert told.code == 0
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert [each.name for each in NOUNS if f"{each.name} {each.help}" not in lines] == []


@pytest.mark.parametrize("words", [(), ("order",)], ids=["nothing", "a noun"])
def test_too_few_words_are_answered_with_the_help(cli: Terminal, words: tuple[str, ...]) -> None:
    told = cli(*words)
    assert (told.code, told.out) == (2, "")
    assert told.err.endswith(cli(*words, "--help").out)


def test_a_slip_of_the_pen_is_met_with_a_guess(cli: Terminal) -> None:
    told = cli("ordre", "list")
    assert told.code == 2
    assert "did you mean order?" in told.err


def test_options_stand_behind_the_verb(cli: Terminal) -> None:
    told = cli("--json", "order", "list")
    assert (told.code, told.json["error"]["code"]) == (2, "USAGE")
    assert "options stand behind the verb" in told.err


def test_the_reference_is_what_the_commands_say() -> None:
    assert _DOCUMENT.read_text() == markdown(), (
        "write it again: python -m traderbot.presentation.cli.reference > docs/cli.md"
    )


def test_version_is_an_option_as_well(cli: Terminal) -> None:
    assert cli("--version").out == cli("version").out
    assert cli("version", "--json").json["version"] == "1.2.3"
