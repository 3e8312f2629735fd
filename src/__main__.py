"""`python -m traderbot`, and the console script: joins the command line and the program."""

from __future__ import annotations

import sys

from traderbot.doors import ProgramDoors
from traderbot.presentation.cli.main import run


def main() -> int:
    """Run the command line on the words it was called with; return the exit code."""
    return run(ProgramDoors())


if __name__ == "__main__":
    sys.exit(main())
