"""What reports refuse."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from traderbot.application.errors import ApplicationError


class ReportNotWrittenError(ApplicationError):
    """The folder for the report cannot be written to."""

    code: ClassVar[str] = "REPORT_NOT_WRITTEN"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"cannot write {path}: {why}; give another folder, or free this one")
        self.path = path
