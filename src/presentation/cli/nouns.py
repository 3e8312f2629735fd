"""Every noun of the command line, in the order of its help, and where its verbs are written.

One list, so that `traderbot --help` can name them all without importing any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from traderbot.presentation.cli.verb import Verbs


@dataclass(frozen=True, slots=True)
class Noun:
    """A word that may follow `traderbot`."""

    name: str
    module: str
    help: str
    has_verbs: bool = True  # else the noun itself is the verb
    more: tuple[str, ...] = ()  # modules with further verbs

    def load(self) -> Verbs:
        """Import its verbs."""
        verbs = Verbs()
        for module in (self.module, *self.more):
            found = import_module(f"traderbot.presentation.cli.{module}").verbs
            assert isinstance(found, Verbs)  # noqa: S101 - what each of the modules offers
            verbs |= found
        return verbs


NOUNS = (
    Noun("demo", "demo", "Trade real bars on paper and prove what happened.", has_verbs=False),
    Noun("init", "init", "Make the data folder, the secrets and the database.", has_verbs=False),
    Noun("doctor", "doctor", "Look at everything the program stands on.", has_verbs=False),
    Noun("serve", "serve", "Start the REST API.", has_verbs=False),
    Noun("worker", "worker", "Seal the log all day, without the REST API.", has_verbs=False),
    Noun("config", "config", "Show and check the settings."),
    Noun("db", "db", "Bring the database to the newest schema."),
    Noun("user", "users", "Add, list and deactivate users."),
    Noun("keys", "keys", "Make and change the keys that seal stored exchange keys."),
    Noun("data", "data", "Import, list and check bars."),
    Noun(
        "strategy",
        "strategies",
        "See which strategies there are, write and check your own.",
        more=("strategies_writing",),
    ),
    Noun("bot", "bots", "Start bots, pause them, and see how they do."),
    Noun("order", "orders", "Place, cancel, list and show orders."),
    Noun("portfolio", "portfolios", "Open portfolios and move cash."),
    Noun("risk", "risk", "See the limits, stop trading, let it go on."),
    Noun(
        "audit",
        "audit",
        "Verify, replay and explain what happened.",
        more=(
            "audit_sealing",
            "audit_bundle",
            "audit_questions",
            "audit_correction",
            "audit_what_if",
            "audit_parity",
        ),
    ),
    Noun("events", "events", "See who follows the log, and decide what they could not do."),
    Noun("backtest", "backtests", "Try a strategy on bars of the past, to the last digit."),
    Noun("sweep", "sweeps", "Try many sets of parameters, stop, and go on."),
    Noun("research", "research", "Ask whether a strategy knows anything, or was lucky."),
    Noun("bench", "bench", "Measure how fast this machine computes."),
    Noun("openapi", "openapi", "Print the schema of the REST API.", has_verbs=False),
    Noun("version", "version", "Say which version this is.", has_verbs=False),
)
