"""On whose behalf a verb acts, and who is written into the log as the one who did it."""

from __future__ import annotations

import getpass

from traderbot.application.application import Application
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.commands import IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId, uuid_text
from traderbot.presentation.cli.errors import UsageError

_NAME_LENGTH = 100


def origin(owner: UserId | None = None, wish: str | None = None, key: str | None = None) -> Origin:
    """Return where a command comes from: the person at this keyboard."""
    # Keys for one user and wish are apart from those for others, and from those of the API.
    keyed = IdempotencyKey(f"operator {owner} {wish}", key) if key else None
    return Origin(actor=Actor("operator", _operator(), "cli"), key=keyed)


def operator(name: str | None, wish: str, key: str | None = None) -> Origin:
    """Return where an operator's command comes from; whoever is at this keyboard, if unnamed."""
    if name is None:
        return origin(None, wish, key)
    if not 0 < len(name) <= _NAME_LENGTH or not name.isprintable():
        raise UsageError(f"a name is 1 to {_NAME_LENGTH} printable characters")
    keyed = IdempotencyKey(f"operator None {wish}", key) if key else None
    return Origin(actor=Actor("operator", name, "cli"), key=keyed)


def acting_user(application: Application, email: str | None) -> UserId:
    """Return the user with that address, or the only active one.

    Raises:
        NotFoundError: nobody has the address.
        UsageError: no address was given, and there is not exactly one active user.
    """
    if email is not None:
        return _user(application, email)
    active = application.views.users(active=True, limit=2).items
    if not active:
        raise UsageError("there is no active user yet; add one with: traderbot user add EMAIL")
    if len(active) > 1:
        raise UsageError(
            "there are several users; name one with --user EMAIL (see: traderbot user list)"
        )
    return UserId(active[0].user_id)


def asked_user(application: Application, email: str | None) -> UserId | None:
    """Return whose things a question is about; an operator who names nobody asks about all."""
    return None if email is None else _user(application, email)


def acting_portfolio(application: Application, owner: UserId, given: str | None) -> PortfolioId:
    """Return the portfolio that was named, or the owner's only one.

    Raises:
        InvalidValueError: what was named is no id.
        UsageError: none was named, and the owner has not exactly one.
    """
    if given is not None:
        return portfolio_id(given)
    known = application.views.portfolios(owner, limit=2).items
    if not known:
        raise UsageError("there is no portfolio yet; open one with: traderbot portfolio create")
    if len(known) > 1:
        raise UsageError(
            "there are several portfolios; name one with --portfolio ID "
            "(see: traderbot portfolio list)"
        )
    return PortfolioId(known[0].portfolio_id)


def portfolio_id(text: str) -> PortfolioId:
    """Return a portfolio's id in its canonical form. Raises InvalidValueError."""
    return PortfolioId(uuid_text(text.lower()))


def order_id(text: str) -> OrderId:
    """Return an order's id in its canonical form. Raises InvalidValueError."""
    return OrderId(uuid_text(text.lower()))


def _user(application: Application, email: str) -> UserId:
    user = application.views.user_by_email(email.strip().lower())
    if user is None:
        raise NotFoundError("user", email)
    return UserId(user.user_id)


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run as a number without a name
        return "unknown"
