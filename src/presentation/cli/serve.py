"""`traderbot serve`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from traderbot.presentation.cli.errors import UsageError
from traderbot.presentation.cli.parameters import Option
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

verbs = Verbs()


@verbs.verb("serve", example="traderbot serve --port 8080")
def serve(
    session: Session,
    *,
    host: Annotated[
        str | None,
        Option("Where to listen; by default as the settings say.", "ADDRESS"),
    ] = None,
    port: Annotated[
        int | None,
        Option("On which port; 0 takes a free one.", "PORT", least=0, most=65_535),
    ] = None,
    allow_remote: Annotated[
        bool,
        Option("Let other machines in although it is development."),
    ] = False,
    database: Database = None,
) -> None:
    """Start the REST API and serve it until Ctrl-C."""
    plan = session.doors.server_plan(database)
    chosen = host if host is not None else plan.host
    if plan.environment != "production" and not allow_remote and not is_loopback(chosen):
        raise UsageError(
            f"{chosen} can be reached by other machines, and this is a development installation; "
            "set TRADERBOT_ENVIRONMENT=production, or add --allow-remote if you mean it"
        )

    def listening(url: str) -> None:
        session.answer({"url": url, "docs": f"{url}/docs"}, f"listening on {url}, see {url}/docs")

    session.doors.serve(database, chosen, plan.port if port is None else port, listening)


def is_loopback(host: str) -> bool:
    """Tell whether an address is of this machine alone; a name could be anybody's."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
