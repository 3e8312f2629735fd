"""`traderbot research …` as a person and a program meet it."""

from __future__ import annotations

import pytest

from tests.e2e.cli.conftest import Installation

SETS = ("--set", "rsi_period=5..12", "--share", "0.9")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("walk-forward", "RSI_CROSS", *SETS), ("trials", "80", "out of sample", "kept")),
        (("monte-carlo", "RSI_CROSS", "--share", "0.9", "--runs", "20"), ("ruined", "seed 0")),
        (("significance", "RSI_CROSS", "--share", "0.9", "--runs", "20"), ("p-value",)),
        (("overfitting", "RSI_CROSS", *SETS), ("more than luck", "overfitting", "12,870")),
    ],
)
def test_it_says_how_much_was_tried_and_what_that_leaves(
    installation: Installation, words: tuple[str, ...], shown: tuple[str, ...]
) -> None:
    said = installation("research", *words).out
    for text in ("RSI_CROSS on IBM 1d", "trials", *shown):
        assert text in said


def test_the_seed_makes_the_same_answer(installation: Installation) -> None:
    words = ("research", "significance", "RSI_CROSS", "--share", "0.9", "--runs", "30", "--json")
    first = installation(*words, "--seed", "7").json
    assert first == installation(*words, "--seed", "7").json
    assert first != installation(*words, "--seed", "8").json
    assert first["seed"] == 7


def test_buys_without_cash_are_told(installation: Installation) -> None:
    said = installation("research", "significance", "RSI_CROSS", "--quantity", "100").out
    assert "the cash did not cover them" in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("significance", "RSI_CROSS"), "say how much a buy takes"),
        (("overfitting", "RSI_CROSS", "--set", "rsi_period", "--share", "1"), "NAME=VALUE"),
        (("overfitting", "RSI_CROSS", "--set", "a=1", "--set", "a=2", "--share", "1"), "twice"),
        (("walk-forward", "RSI_CROSS", *SETS, "--train", "9999"), "make train smaller"),
        (("monte-carlo", "RSI_CROSS", "--share", "1", "--bars", "no.csv"), "no file"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_next_step(
    installation: Installation, words: tuple[str, ...], why: str
) -> None:
    done = installation("research", *words)
    assert done.code == 2
    assert why in done.err


def test_a_strategy_that_is_not_there_is_named_with_those_that_are(
    installation: Installation,
) -> None:
    done = installation("research", "significance", "NOPE", "--share", "1")
    assert done.code == 1
    assert "RSI_CROSS" in done.err
