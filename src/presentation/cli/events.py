"""`traderbot events …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Cursor, Database, Limit, Verbs

if TYPE_CHECKING:
    from traderbot.application.ports.subscriptions import ParkedEvent

verbs = Verbs()

StateName = Literal["retrying", "parked", "requeued", "discarded"]
Name = Annotated[str, Argument("SUBSCRIPTION", "Whose event it is; see: traderbot events status.")]
Place = Annotated[str, Argument("INDEX", "The event's index in the log.")]
_LONGEST = 18  # digits of an index


@verbs.verb("status", example="traderbot events status --json")
def status(session: Session, *, database: Database = None) -> int:
    """Show how far each subscription is. The exit code is 1 if one halted or has parked events."""
    with session.doors.application(database) as application:
        found = application.subscriptions.statuses()
    rows = [
        (
            each.name,
            each.kind,
            each.state.value,
            str(each.position),
            str(each.lag),
            str(each.retrying),
            str(each.parked),
            each.error or "",
        )
        for each in found
    ]
    headings = (
        "subscription",
        "kind",
        "state",
        "next>",
        "lag>",
        "retrying>",
        "parked>",
        "error",
    )
    well = all(each.state.value != "halted" and not each.parked for each in found)
    session.answer(
        {"ok": well, "items": found}, Table(headings, rows, empty="nothing follows the log yet")
    )
    return ExitCode.DONE if well else ExitCode.NO


@verbs.verb("parked list", example="traderbot events parked list --subscription notification")
def parked_list(
    session: Session,
    *,
    subscription: Annotated[str | None, Option("Only events of this subscription.", "NAME")] = None,
    state: Annotated[
        StateName | None,
        Option("Only events that are in this state.", "retrying|parked|requeued|discarded"),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    database: Database = None,
) -> None:
    """List the events that could not be handled, and those that wait behind them."""
    from traderbot.application.ports.subscriptions import ParkedState

    wanted = None if state is None else ParkedState(state)
    with session.doors.application(database) as application:
        page = application.subscriptions.parked(
            subscription, state=wanted, limit=limit, cursor=cursor
        )
    rows = [
        (
            each.subscription,
            str(each.log_index),
            each.state.value,
            str(each.attempts),
            each.sequence_key,
            moment(each.next_at),
            f"{each.error_type}: {each.error}".partition("\n")[0],
        )
        for each in page.items
    ]
    headings = ("subscription", "index>", "state", "attempts>", "key", "next attempt", "error")
    session.answer(
        page, Table(headings, rows, empty="no parked events"), *session.more(page.next_cursor)
    )


@verbs.verb("parked show", example="traderbot events parked show notification 41")
def parked_show(
    session: Session, subscription: Name, index: Place, *, database: Database = None
) -> None:
    """Show one parked event: what failed, how often, and who decided what."""
    place = _index(index)
    with session.doors.application(database) as application:
        found = application.subscriptions.parked_event(subscription, place)
    session.answer(found, *_parts(found))


@verbs.verb("parked retry", example="traderbot events parked retry notification 41")
def parked_retry(
    session: Session, subscription: Name, index: Place, *, database: Database = None
) -> None:
    """Have a parked event attempted once more, and then, in order, what is parked behind it.

    Order is kept within a key: it begins with the first parked event of the key, whichever is
    named. The attempt is made by the process in which the subscription runs.
    """
    place = _index(index)
    with session.doors.application(database) as application:
        count = application.subscriptions.retry(subscription, place)
    session.answer({"requeued": count}, f"{count} events will be attempted again, in their order")


@verbs.verb(
    "parked discard",
    example='traderbot events parked discard notification 41 --reason "address no longer exists"',
)
def parked_discard(
    session: Session,
    subscription: Name,
    index: Place,
    *,
    reason: Annotated[str, Option("Why it is given up; kept in the log.", "TEXT")],
    database: Database = None,
) -> None:
    """Give one parked event up for good. That it was, and why, becomes an event itself.

    What is parked behind it stays parked until it is retried.
    """
    from traderbot.application.commands.operations import DiscardParked
    from traderbot.application.ports.subscriptions import NotParkedError, ParkedState
    from traderbot.presentation.cli.acting import origin

    place, by = _index(index), origin()
    with session.doors.application(database) as application:
        found = application.subscriptions.parked_event(subscription, place)
        found.refuse_unless_parked()
        # First the fact. If this ends here, the subscription follows it when it reads it.
        application.executor.run(
            DiscardParked(
                subscription=subscription, log_index=place, event_id=found.event_id, reason=reason
            ),
            by,
        )
        try:
            given_up = application.subscriptions.discard(
                subscription, place, reason=reason, by=by.actor.id
            )
        except NotParkedError:  # the subscription has heard of the fact by itself
            given_up = application.subscriptions.parked_event(subscription, place)
            if given_up.state is not ParkedState.DISCARDED:
                raise
    session.answer(given_up, *_parts(given_up))


@verbs.verb("resume", example="traderbot events resume portfolio_valuation")
def resume(session: Session, subscription: Name, *, database: Database = None) -> None:
    """Let a halted subscription go on where it halted. Harmless if it did not."""
    with session.doors.application(database) as application:
        application.subscriptions.resume(subscription)
    session.answer({"resumed": subscription}, f"{subscription} goes on")


@verbs.verb("reset", example="traderbot events reset portfolio_valuation")
def reset(session: Session, subscription: Name, *, database: Database = None) -> None:
    """Empty what a projection wrote and have it read the whole log again."""
    with session.doors.application(database) as application:
        application.subscriptions.reset(subscription)
    session.answer({"reset": subscription}, f"{subscription} begins again with the first event")


def _index(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST:
        return int(text)
    raise UsageError(f"INDEX is an event's index in the log, a whole number, not {text!r:.60}")


def _parts(found: ParkedEvent) -> list[Part]:
    facts = [
        ("subscription", found.subscription),
        ("index", str(found.log_index)),
        ("event", found.event_id),
        ("key", found.sequence_key),
        ("state", found.state.value),
        ("attempts", str(found.attempts)),
        ("first", moment(found.first_at)),
        ("last", moment(found.last_at)),
        ("error", f"{found.error_type}: {found.error}"),
    ]
    if found.next_at is not None:
        facts.insert(8, ("next attempt", moment(found.next_at)))
    if found.decided_by is not None:
        facts += [("decided by", found.decided_by), ("reason", found.reason or "")]
    return [Facts(facts)]
