"""A told story, sealed and published in parts, in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.audit.story import Story, Teller, tell
from tests.integration.sealing.vault import ORIGIN, SIGNER, Vault
from traderbot.infrastructure.bundle.log_bundles import LogBundles
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.signed_note import Signer

__all__ = ["ORIGIN", "SIGNER"]


class Told(Vault):
    """A database with the story in it, and what shows it to strangers."""

    def __init__(self, stack: ExitStack, url: str, anchors: Path) -> None:
        super().__init__(stack, url, anchors)
        self.story: Story = tell(url)

    def bundles(self, signer: Signer = SIGNER) -> LogBundles:
        return LogBundles(self.reader, EventCodec(), signer.vkey, AnchorFile(self.anchor_path))

    def publish(self) -> int:
        """Seal, sign and publish all there is; return how much that is."""
        sealer = self.sealer()
        sealer.seal()
        done = sealer.checkpoint(anchor=True)
        return done.size if done else 0

    def go_on(self, seed: str = "more") -> str:
        """Have another user register, with a portfolio; return their id."""
        teller = Teller(self.url, begins=self.story.ends, seed=seed)
        with teller.bot:
            user = teller.user(f"{seed}@example.org")
            teller.portfolio(user, "7 USD")
        return str(user)

    def bodies(self) -> list[bytes]:
        """Return the bodies in log order, by another way than the exporter's."""
        with self.reader.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT e.body FROM log l JOIN events e ON e.position = l.position "
                "ORDER BY l.log_index"
            )
            return [bytes(row[0]) for row in rows]


@pytest.fixture(params=["sqlite", "postgres"])
def told(request: pytest.FixtureRequest) -> Told:
    """Give a database of each kind; nothing in it is sealed yet."""
    found: Told = request.getfixturevalue(f"{request.param}_told")
    return found


@pytest.fixture
def sqlite_told(tmp_path: Path) -> Iterator[Told]:
    with ExitStack() as stack:
        yield Told(stack, f"sqlite:///{tmp_path}/log.db", tmp_path / "anchors.jsonl")


@pytest.fixture
def postgres_told(postgres_url: str, tmp_path: Path) -> Iterator[Told]:
    with ExitStack() as stack:
        yield Told(stack, postgres_url, tmp_path / "anchors.jsonl")
