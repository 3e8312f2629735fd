"""`traderbot user …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

import getpass
import sys
from typing import Annotated, Literal

from traderbot.presentation.cli.errors import UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Cursor, Database, Limit, Verbs

verbs = Verbs()

RoleName = Literal["user", "trader", "auditor", "admin"]
Email = Annotated[str, Argument("EMAIL", "The user's e-mail address.")]


@verbs.verb("add", example="traderbot user add ada@example.com --password-stdin < password.txt")
def add(
    session: Session,
    email: Email,
    *,
    role: Annotated[
        RoleName, Option("What the user may do.", "user|trader|auditor|admin")
    ] = "trader",
    password_stdin: Annotated[
        bool,
        Option("Read the password from the first line of stdin."),
    ] = False,
    database: Database = None,
) -> None:
    """Add a user. The password is asked for at a terminal, and never an argument."""
    from traderbot.application.commands.users import RegisterUser
    from traderbot.application.password_policy import check_password_policy
    from traderbot.domain.users.user import Role
    from traderbot.presentation.cli.acting import origin

    address = _address(email)
    with session.doors.application(database) as application:
        password = _first_line() if password_stdin else _prompted()
        check_password_policy(password)
        command = RegisterUser(
            email=address, password_hash=application.passwords.hash(password), role=Role(role)
        )
        user = application.executor.run(command, origin())
    session.answer(user, f"added {user.role} {user.email} as {user.user_id}")


@verbs.verb("list", example="traderbot user list --active")
def list_(
    session: Session,
    *,
    active: Annotated[
        bool | None, Option("Only those who may act, or may not.", opposite="--inactive")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    database: Database = None,
) -> None:
    """List users, newest first."""
    with session.doors.application(database) as application:
        page = application.views.users(active=active, limit=limit, cursor=cursor)
    rows = [
        (
            each.user_id,
            each.email or "",
            each.role,
            "yes" if each.active else "no",
            moment(each.registered_at),
        )
        for each in page.items
    ]
    table = Table(("user", "email", "role", "active", "registered"), rows, empty="no users")
    session.answer(page, table, *session.more(page.next_cursor))


@verbs.verb("deactivate", example='traderbot user deactivate ada@example.com --reason "left us"')
def deactivate(
    session: Session,
    email: Email,
    *,
    reason: Annotated[str, Option("Kept in the log.", "TEXT")] = "asked by the operator",
    database: Database = None,
) -> None:
    """Take every right away from a user. Asking twice is harmless."""
    from dataclasses import replace

    from traderbot.application.commands.users import DeactivateUser
    from traderbot.presentation.cli.acting import acting_user, origin

    with session.doors.application(database) as application:
        command = DeactivateUser(user_id=acting_user(application, email), reason=reason)
        # The log, from which a command answers, knows no addresses.
        user = replace(application.executor.run(command, origin()), email=email.strip().lower())
    session.answer(user, f"{user.email} may not act any more")


def _address(text: str) -> str:
    from traderbot.domain.shared.errors import InvalidValueError
    from traderbot.domain.users.email import email_address

    try:
        return email_address(text.strip())
    except InvalidValueError as error:
        raise UsageError(str(error)) from error


def _first_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _prompted() -> str:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for the password; use --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise UsageError("the two passwords differ; nobody was added, so try again")
    return password
