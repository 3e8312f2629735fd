"""What people are shown."""

from __future__ import annotations

from io import StringIO

from traderbot.presentation.cli.parts import Facts, Part, Table, Tree, draw


def _drawn(*parts: Part) -> list[str]:
    stream = StringIO()
    draw(parts, stream)
    return stream.getvalue().splitlines()


def test_a_table_sets_numbers_to_the_right_and_cuts_nothing() -> None:
    long = "x" * 300
    heading, _rule, *rows = _drawn(Table(("name", "count>"), [(long, "7"), ("b", "1234")]))
    assert heading.split() == ["name", "count"]
    assert rows[0].split() == [long, "7"]
    assert rows[0].endswith("   7")


def test_an_empty_table_says_so() -> None:
    assert _drawn(Table(("a",), [], empty="no orders")) == ["no orders"]


def test_no_line_ends_in_blanks() -> None:
    lines = _drawn(
        Table(("a", "b"), [("1", "")]), Facts([("name", "x"), ("longer", "")]), "", "end"
    )
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[-2:] == ["", "end"]


def test_other_peoples_words_are_neither_markup_nor_commands() -> None:
    hostile = "[red]x[/red]\x1b[2J"
    escaped = r"[red]x[/red]\x1b[2J"
    shown = "\n".join(
        _drawn(Table(("a",), [(hostile,)]), Facts([("b", hostile)]), Tree(hostile), hostile)
    )
    assert shown.count(escaped) == 4
    assert "\x1b" not in shown


def test_a_tree_shows_what_belongs_to_what() -> None:
    lines = _drawn(Tree("order", (Tree("events", (Tree("placed"),)), Tree("books"))))
    assert [line.lstrip("│├└─ ") for line in lines] == ["order", "events", "placed", "books"]
