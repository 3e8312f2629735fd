"""The audit: the log's events, what was signed of it, proofs, states as of then, its health.

Users see what is theirs; to the role auditor everything is shown. Nothing here changes anything.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Query as InQuery
from starlette.responses import PlainTextResponse

from traderbot.application.application import Application
from traderbot.application.ports.audit import Cut
from traderbot.application.ports.event_pages import EventFilter, LoggedEvent
from traderbot.application.views import Page
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.users.user import Role
from traderbot.presentation.api.auth import AuditedOwner, CurrentUser, current_user
from traderbot.presentation.api.backend import Uses
from traderbot.presentation.api.caching import (
    FOR_EVER,
    etag_of,
    is_kept,
    kept_as,
    not_modified,
)
from traderbot.presentation.api.dependencies import CleanQuery
from traderbot.presentation.api.documentation import ANY, PRIVATE, failures
from traderbot.presentation.api.errors import ApiError
from traderbot.presentation.api.frame import prefers
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.schemas.audit import (
    EXAMPLE_NOTE,
    EXAMPLE_PROOF,
    EXAMPLE_VKEY,
    AsOf,
    AuditHealthOut,
    CheckpointOut,
    EventsQuery,
    KeyOut,
    LoggedEventOut,
    LoggedEventPage,
    ProofOut,
    ReplayOut,
    ReplayQuery,
)
from traderbot.presentation.api.schemas.values import EventIdPath

T = TypeVar("T")

MOST_REPLAYED: Final = 1_000_000  # events; what is longer is replayed by `traderbot audit replay`
_TEXT: Final = "text/plain"

router = APIRouter(
    prefix="/audit",
    tags=["audit"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)
_HERE = (*ANY, *PRIVATE)


def _as_text(example: str) -> dict[int | str, dict[str, Any]]:
    """Return what the schema says of an answer that can also be had as plain text."""
    return {200: {"content": {_TEXT: {"schema": {"type": "string"}, "example": example}}}}


_KEPT: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The answer named by `If-None-Match` still holds"}
}


@router.get("/events", name="events", responses=failures(_HERE, "BAD_CURSOR", "CORRUPT_HISTORY"))
async def list_events(
    which: Annotated[EventsQuery, InQuery()], owner: AuditedOwner, use: Uses
) -> LoggedEventPage:
    """List events of the log in its order: your own, or as an auditor all.

    Only a part of the log is looked at for one page: go on while there is a `next_cursor`.
    """
    return LoggedEventPage.of(await use.ask(_events, use.application, which, owner))


@router.get(
    "/events/{event_id}",
    name="event",
    response_model=LoggedEventOut,
    responses={**failures(_HERE, "NOT_FOUND", "CORRUPT_HISTORY"), **_KEPT},
)
async def get_event(
    event_id: EventIdPath, owner: AuditedOwner, use: Uses, request: Request, response: Response
) -> LoggedEventOut | Response:
    """Show one event of the log."""
    found = await use.ask(use.application.event_pages.event, event_id, owner)
    if found.index is not None:  # from here on nothing about it changes
        etag = etag_of(request.app.version, found.id, found.index, found.leaf_hash)
        if is_kept(request, etag):
            return not_modified(etag, FOR_EVER)
        response.headers.update(kept_as(etag, FOR_EVER))
    return LoggedEventOut.of(found)


@router.get(
    "/checkpoint",
    name="checkpoint",
    response_model=CheckpointOut,
    responses={**failures(_HERE, "NO_CHECKPOINT"), **_KEPT, **_as_text(EXAMPLE_NOTE)},
)
async def get_checkpoint(
    use: Uses, request: Request, response: Response
) -> CheckpointOut | Response:
    """Show the newest signed checkpoint; with `Accept: text/plain`, the signed note itself."""
    found = await use.ask(use.application.checkpoints.newest)
    text = found.note if prefers(request.scope, _TEXT) else None
    return _kept(request, response, text, CheckpointOut.of(found), found.note)


@router.get(
    "/proof/{event_id}",
    name="proof",
    response_model=ProofOut,
    responses={
        **failures(_HERE, "NOT_FOUND", "NO_CHECKPOINT", "CORRUPT_HISTORY", "TREE_DAMAGED"),
        **_KEPT,
        **_as_text(EXAMPLE_PROOF),
    },
)
async def get_proof(
    event_id: EventIdPath, owner: AuditedOwner, use: Uses, request: Request, response: Response
) -> ProofOut | Response:
    """Prove that an event is under the newest checkpoint.

    With `Accept: text/plain` the answer is the proof itself: docs/verify.md tells how to check it.
    """
    bundles = await use.ask(use.application.bundles)  # may read the key from its file
    found = await use.ask(bundles.prove_event, event_id, owner)
    text = found.text if prefers(request.scope, _TEXT) else None
    return _kept(request, response, text, ProofOut.of(event_id, found), found.text)


@router.get(
    "/vkey",
    name="vkey",
    response_model=KeyOut,
    responses={**failures(_HERE), **_KEPT, **_as_text(EXAMPLE_VKEY)},
)
async def get_vkey(use: Uses, request: Request, response: Response) -> KeyOut | Response:
    """Show the public key that checkpoints are signed with.

    Compare it with one that reached you another way: who could change the log could change this.
    """
    vkey = await use.ask(use.application.checkpoints.key)
    text = f"{vkey}\n" if prefers(request.scope, _TEXT) else None
    return _kept(request, response, text, KeyOut(vkey=vkey), vkey)


@router.get(
    "/replay",
    name="replay",
    response_model=ReplayOut,
    responses={**failures(_HERE, "INVALID_VALUE", "CORRUPT_HISTORY"), **_KEPT},
)
async def replay(
    which: Annotated[ReplayQuery, InQuery()],
    owner: AuditedOwner,
    use: Uses,
    request: Request,
    response: Response,
) -> ReplayOut | Response:
    """Show what the first events of the log make: your portfolios and orders as they were then.

    The log is read again for each page, so few replays run at once, and none of more than a
    million events: replay those with `traderbot audit replay`.
    """
    _refuse_too_long(which.as_of.size)  # before anything is read
    cut = await use.ask_long(_cut, use.application, which.as_of)
    _refuse_too_long(cut.size)
    etag = etag_of(request.app.version, cut.size, cut.root, owner, which.limit, which.cursor)
    if is_kept(request, etag):
        return not_modified(etag)

    def page() -> ReplayOut:
        return ReplayOut.of(use.application.audit.replay(cut, owner), which.limit, which.cursor)

    shown = await use.ask_long(page)
    response.headers.update(kept_as(etag))
    return shown


@router.get("/health", name="health", responses=failures(_HERE, "ANCHOR_DAMAGED"))
async def report_health(user: CurrentUser, use: Uses) -> AuditHealthOut:
    """Say how far the log is sealed, signed, published and followed."""
    application = use.application
    sealing = await use.ask(application.sealing)
    status = await use.ask(sealing.status)
    tail = await use.ask(application.checkpoints.tail)
    followers = await use.ask(application.subscriptions.statuses)
    return AuditHealthOut.of(
        status,
        tail,
        followers,
        now=application.clock.now(),
        with_words=user.role in {Role.AUDITOR, Role.ADMIN},
    )


def _events(
    application: Application, which: EventsQuery, owner: UserId | None
) -> Page[LoggedEvent]:
    asked = which.to_filter(owner)
    # Of somebody else's stream not one event is read, however long it is.
    stream = asked.stream
    if owner is not None and stream is not None and not _owns(application, owner, stream):
        return Page(items=())
    return application.event_pages.events(asked, limit=which.limit, cursor=which.cursor)


def _owns(application: Application, owner: UserId, stream: str) -> bool:
    views = application.views
    category, _, id_ = stream.partition("-")
    match category:
        case "user":
            return id_ == owner
        case "portfolio":
            return views.portfolio(owner, PortfolioId(id_)) is not None
        case "order":
            return views.order(owner, OrderId(id_)) is not None
        case "bot":
            return views.bot_run(owner, BotRunId(id_)) is not None
        case _:
            return False


def _refuse_too_long(size: int) -> None:
    if size > MOST_REPLAYED:
        msg = f"{size} events are too many to be replayed here; the limit is {MOST_REPLAYED}"
        raise ApiError("VALIDATION_ERROR", msg)


def _cut(application: Application, as_of: AsOf) -> Cut:
    if as_of.at is not None:
        # A log is read as far as the instant: of a long one this event tells that that is too far.
        later = EventFilter(start=MOST_REPLAYED)
        for it in application.event_pages.events(later, limit=1).items:
            if it.recorded_at <= as_of.at:
                _refuse_too_long(MOST_REPLAYED + 1)
    if as_of.checkpoint is None:
        return application.audit.cut(at=as_of.at, index=as_of.index)
    signed = application.checkpoints.of_size(as_of.checkpoint)
    cut = application.audit.cut(index=signed.size)
    if cut.root != signed.root:
        msg = f"the first {signed.size} events do not lead to the root that was signed of them"
        raise CorruptHistoryError(msg)
    return cut


def _kept(
    request: Request, response: Response, text: str | None, answer: T, *parts: object
) -> T | Response:
    """Return an answer, or its text, in a way that it need not be sent twice."""
    etag = etag_of(request.app.version, text is None, *parts)
    if is_kept(request, etag):
        return not_modified(etag)
    if text is not None:
        return PlainTextResponse(text, headers=dict(kept_as(etag)))
    response.headers.update(kept_as(etag))
    return answer
