"""What `audit verify` saw, as people read it: line by line, then the verdict."""

from __future__ import annotations

from collections.abc import Iterator

from traderbot.application.ports.audit import TreeReport, VerifyReport
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import moment


def verification(report: VerifyReport) -> Iterator[Part]:
    """Yield the report, its findings if there are any, and what could not be checked."""
    tree = report.tree
    rate = report.events / report.seconds if report.seconds else 0
    begun = f" from index {report.start:,}" if report.start else ""
    yield Facts(
        [
            ("log", f"epoch {tree.epoch}, {tree.size:,} events sealed"),
            ("root", report.root),
            (
                "events",
                f"{report.events:,} read{begun} in {report.seconds:.2f} s ({rate:,.0f}/s)",
            ),
            ("tree", _tree(tree)),
            ("anchors", _anchors(tree)),
            ("tail", _tail(tree)),
            ("state", f"{report.streams:,} streams and {report.state_rows:,} rows compared"),
        ]
    )
    if report.findings:
        rows = [(each.code, each.where, each.message) for each in report.findings]
        yield Table(("finding", "where", "what"), rows)
    yield from (f"warning: {each}" for each in report.warnings)
    yield f"RESULT  {_result(report)}"


def _tree(tree: TreeReport) -> str:
    signed = "signatures not checked: no key"
    if tree.key is not None:
        signed = f"{tree.signatures:,} signatures good (key {tree.key})"
    given_up = f", {tree.superseded:,} given up by a later epoch" if tree.superseded else ""
    return f"{tree.checkpoints:,} checkpoints re-derived, {signed}{given_up}"


def _anchors(tree: TreeReport) -> str:
    if tree.newest_anchor is None:
        return "none"
    newest = f"newest of size {tree.newest_anchor:,} ({moment(tree.newest_anchor_at)})"
    return f"{tree.anchors:,} external checkpoints consistent, {newest}"


def _tail(tree: TreeReport) -> str:
    oldest = f", oldest of {moment(tree.oldest_unsealed)}" if tree.oldest_unsealed else ""
    return f"{tree.tail:,} unsealed, {tree.queued:,} of them queued{oldest}"


def _result(report: VerifyReport) -> str:
    if not report.findings:
        return "clean"
    count = len(report.findings) + report.unlisted
    parts = [f"{count:,} finding{'s' if count > 1 else ''}"]
    if report.first_bad_index is not None:
        parts.append(f"first bad index {report.first_bad_index:,}")
    if report.last_good_checkpoint is not None:
        parts.append(f"last good checkpoint {report.last_good_checkpoint:,}")
    return "; ".join(parts)
