"""What people are shown: lines, tables, trees. rich draws them, and is imported only to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from traderbot.presentation.cli.plain import printable

if TYPE_CHECKING:  # a fifth of a second, which a verb that answers in JSON need not pay
    from rich.console import Console, RenderableType
    from rich.tree import Tree as RichTree

_ENDLESS = 10_000  # columns of a pipe: whoever reads it cuts for themselves


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; columns whose heading ends in `>` are numbers, set to the right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "nothing there"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one pair a line."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Tree:
    """A text with what belongs to it below."""

    label: str
    branches: Sequence[Tree] = ()


Part = str | Table | Facts | Tree


def draw(parts: Sequence[Part], stream: TextIO) -> None:
    """Write parts one below the other."""
    if all(isinstance(part, str) for part in parts):
        stream.writelines(printable(str(part), keep="\n") + "\n" for part in parts)
        return
    console = _console(stream)
    with console.capture() as drawn:
        for part in parts:
            console.print(_rendered(part), soft_wrap=isinstance(part, str))
    # rich fills every cell with blanks, which are only in the way of whoever cuts the lines.
    stream.writelines(line.rstrip() + "\n" for line in drawn.get().splitlines())


def _console(stream: TextIO) -> Console:
    from rich.console import Console  # noqa: PLC0415 - see above

    width = None if stream.isatty() else _ENDLESS
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def _rendered(part: Part) -> RenderableType:
    from rich.text import Text  # noqa: PLC0415 - see above

    match part:
        case str():
            return Text(printable(part, keep="\n"))
        case Table():
            return _table(part)
        case Facts(pairs=pairs):
            return _facts(pairs)
        case Tree():
            return _tree(part)


def _table(table: Table) -> RenderableType:
    from rich import box  # noqa: PLC0415 - see above
    from rich.table import Table as RichTable  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    if not table.rows:
        return Text(table.empty)
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in table.headings:
        right = heading.endswith(">")
        drawn.add_column(
            heading.removesuffix(">"), justify="right" if right else "left", overflow="fold"
        )
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    return drawn


def _facts(pairs: Sequence[tuple[str, str]]) -> RenderableType:
    from rich.table import Table as RichTable  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415

    drawn = RichTable.grid(padding=(0, 2))
    drawn.add_column()
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        drawn.add_row(Text(name, style="bold"), Text(printable(value, keep="\n")))
    return drawn


def _tree(tree: Tree) -> RichTree:
    from rich.text import Text  # noqa: PLC0415 - see above
    from rich.tree import Tree as RichTree  # noqa: PLC0415

    drawn = RichTree(Text(printable(tree.label)))
    for branch in tree.branches:
        drawn.add(_tree(branch))
    return drawn
