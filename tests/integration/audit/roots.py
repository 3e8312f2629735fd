"""Prints the Merkle root of two histories that must be the same everywhere, as JSON.

`python -m tests.integration.audit.roots` tells them to SQLite files of its own; named databases,
which must be empty, get the story too. What made the run is told with it, so that two runs which
agree can be seen to differ: the version of Python, and how it happens to hash a string.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from pathlib import Path

from sqlalchemy import select

from tests.integration.audit.story import tell
from tests.reference.merkle import tree_hash
from traderbot.demo import run_demo
from traderbot.infrastructure.persistence.database import reader_engine
from traderbot.infrastructure.persistence.tables import EventRow


def root_of(url: str) -> str:
    """Return the root over all events, by the definition of RFC 6962 instead of the program."""
    engine = reader_engine(url)
    with engine.connect() as connection:
        leaves = [*connection.scalars(select(EventRow.leaf_hash).order_by(EventRow.position))]
    engine.dispose()
    return tree_hash(leaves).hex()


def main(databases: list[str]) -> None:
    """Tell, and print."""
    roots: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        demo, story = (str(Path(folder) / name) for name in ("demo.db", "story.db"))
        run_demo(demo)
        roots["demo"] = root_of(demo)
        tell(story)
        roots["story"] = root_of(story)
    for number, url in enumerate(databases, start=1):
        tell(url)
        roots[f"story in database {number}"] = root_of(url)
    made_by = {"python": platform.python_version(), "hash": hash("traderbot")}
    print(json.dumps({**made_by, "roots": roots}))  # noqa: T201 - to print is what it is for


if __name__ == "__main__":
    main(sys.argv[1:])
