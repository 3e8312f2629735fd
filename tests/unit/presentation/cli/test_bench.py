from __future__ import annotations

from tests.unit.presentation.cli.fakes import Terminal


def test_a_table_says_how_long_a_bar_takes(cli: Terminal) -> None:
    told = cli("bench", "indicators")
    assert told.code == 0
    assert told.out.split()[:4] == ["indicator", "live", "series", "matrix"]
    assert "rsi" in told.out
    assert "3,000" in told.out
    assert "compiled" in told.out


def test_programs_get_the_same_as_numbers(cli: Terminal) -> None:
    told = cli("bench", "indicators", "--bars", "100000", "--json")
    assert told.code == 0
    assert told.json["bars"] == 100_000
    assert told.json["compiled"] is True
    assert told.json["items"][0]["indicator"] == "rsi"
    assert float(told.json["items"][0]["series"]) == 1.0


def test_without_numba_it_says_what_would_make_it_faster(cli: Terminal) -> None:
    cli.doors.compiled = False
    assert "extra [fast]" in cli("bench", "indicators").out


def test_a_series_too_short_to_measure_is_refused(cli: Terminal) -> None:
    assert cli("bench", "indicators", "--bars", "10").code == 2


def test_everything_is_compiled_when_asked_for(cli: Terminal) -> None:
    assert cli("bench", "warm", "--json").json == {"loops": 40}
    cli.doors.compiled = False
    assert "extra [fast]" in cli("bench", "warm").out
