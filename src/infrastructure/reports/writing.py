"""Puts a report into a folder, in the forms that are wanted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.reports.csv_report import equity_csv, statistics_csv, trades_csv
from traderbot.infrastructure.reports.errors import ReportNotWrittenError
from traderbot.infrastructure.reports.html_report import html_report
from traderbot.infrastructure.reports.json_report import json_report
from traderbot.infrastructure.reports.png_report import png_report
from traderbot.infrastructure.reports.report import report_of
from traderbot.infrastructure.reports.report_input import ReportInput

FORMS = ("html", "json", "csv", "png")
DEFAULT_FORMS = ("html", "json", "csv")  # what needs no extra


def write_reports(
    given: ReportInput, folder: Path, forms: Iterable[str] = DEFAULT_FORMS
) -> tuple[Path, ...]:
    """Write report.html, report.json, report.png and three CSV files, as wanted; return them.

    Everything is made before anything is written, and each file appears whole or not at all. Files
    of the same name are replaced.

    Raises:
        InvalidValueError: an unknown form, or arrays that make no run; row and column are named.
        MissingExtraError: the picture is wanted, and the extra `report` is not installed.
        ReportNotWrittenError: the folder cannot be made or written to.
    """
    wanted = tuple(dict.fromkeys(forms))
    unknown = [form for form in wanted if form not in FORMS]
    if unknown:
        raise InvalidValueError(f"a report is {', '.join(FORMS)}, not {unknown[0]!r:.40}")
    report = report_of(given)
    files: dict[str, bytes] = {}
    for form in wanted:
        match form:
            case "html":
                files["report.html"] = html_report(report).encode()
            case "json":
                files["report.json"] = json_report(report).encode()
            case "png":
                files["report.png"] = png_report(report)
            case _:
                files["statistics.csv"] = statistics_csv(report).encode()
                files["trades.csv"] = trades_csv(report).encode()
                files["equity.csv"] = equity_csv(report).encode()
    return tuple(_written(folder / name, content) for name, content in files.items())


def _written(path: Path, content: bytes) -> Path:
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        os.replace(beside, path)  # noqa: PTH105  # says what it does: the old file or the new one
    except OSError as error:
        raise ReportNotWrittenError(path, error.strerror or str(error)) from error
    return path
