"""One call of the command line: the doors it may open, and how it answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from traderbot.presentation.cli.parts import Part, draw
from traderbot.presentation.cli.plain import as_json, printable

if TYPE_CHECKING:  # --help must not pay for the whole application
    from traderbot.presentation.cli.doors import Doors, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a verb works with."""

    doors: Doors
    json: bool = False
    debug: bool = False

    def answer(self, document: object, *parts: Part) -> None:
        """Give the answer on stdout: the document to programs, the parts to people."""
        if self.json:
            sys.stdout.write(as_json(document) + "\n")
        else:
            draw(parts, sys.stdout)
        sys.stdout.flush()  # now, while a reader that went away can still be noticed

    def say(self, text: str) -> None:
        """Tell people something that is not the answer, on stderr."""
        sys.stderr.write(printable(text, keep="\n") + "\n")
        sys.stderr.flush()

    @staticmethod
    def more(next_cursor: str | None) -> list[Part]:
        """Return what ends a page for people: how to see the next one, if there is one."""
        return [f"\nmore with: --cursor {next_cursor}"] if next_cursor else []

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """Show a bar on stderr while something long is done; without a terminal, nothing."""
        if not sys.stderr.isatty():
            yield lambda _done, _total: None
            return
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
        from rich.progress import Progress as Bars  # noqa: PLC0415

        with Bars(console=Console(file=sys.stderr), transient=True) as bars:
            task = bars.add_task(printable(title), total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)
