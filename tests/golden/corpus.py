"""Every event version ever released: one file for each type and schema, and what it must say.

A file is never changed and never removed. Logs that hold such events are read for as long as
there are logs; `HASHES` lists the bodies, so that a change of one shows in two places. What an old
event says today (`event`) may gain what a newer schema adds to it.

`python -m tests.golden.add` writes the file of a type or schema that has none yet.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

from traderbot.domain.shared.fields import LATER

FOLDER: Final = Path(__file__).parent / "events"
HASHES: Final = Path(__file__).parent / "HASHES"


class Golden(NamedTuple):
    """One released event."""

    type: str
    schema: int
    body: str  # the text that is hashed, as UTF-8
    leaf_hash: str
    event: Any  # what `plain` makes of it

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.type}.{self.schema}.json"


def read_corpus() -> list[Golden]:
    """Return all of it, by type and schema."""
    found = [
        Golden(**json.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.json"))
    ]
    return sorted(found, key=lambda it: (it.type, it.schema))


def write(golden: Golden) -> None:
    """Add a file and its line in the list. Raises FileExistsError: a released event stays."""
    text = json.dumps(golden._asdict(), indent=1, ensure_ascii=True)
    with (FOLDER / golden.name).open("x", encoding="utf-8") as file:
        file.write(f"{text}\n")
    lines = [*hash_lines(), f"{golden.leaf_hash}  {golden.name}"]
    HASHES.write_text("".join(f"{line}\n" for line in sorted(lines, key=lambda it: it[66:])))


def hash_lines() -> list[str]:
    """Return the list of bodies as it was written: `leaf hash  file`."""
    return HASHES.read_text("ascii").splitlines() if HASHES.exists() else []


def plain(value: object) -> Any:
    """Return a value as JSON that names the class of everything, digit for digit.

    It knows nothing of the codec: what it says of a decoded event, the codec must have got right.
    """
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case None | bool() | int() | str():
            return value
        case tuple():
            return [plain(it) for it in value]
        case Mapping():
            return {"Mapping": {key: plain(it) for key, it in value.items()}}
        case _:
            is_text = isinstance(value, Decimal | datetime)
            return {type(value).__name__: str(value) if is_text else dict(_fields(value))}


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        # A field that came later says nothing where it has its default: so old files stay as true.
        if field.metadata != LATER or held != field.default:
            yield field.name, plain(held)
