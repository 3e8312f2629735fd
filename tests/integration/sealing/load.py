"""A program that writes and seals until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import uuid4

from tests.integration.sealing.vault import ORIGIN, SIGNER
from traderbot.bootstrap import Traderbot
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.loop import Pace, SealingLoop
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.system import SystemClock


def work(url: str, anchors: str) -> None:
    """Write deposits, and say so after each; seal, sign and publish them as fast as it can."""
    sealer = Sealer(
        writer_engine(url), SIGNER, ORIGIN, AnchorFile(Path(anchors)), SystemClock(), batch=5
    )
    pace = Pace(seal_seconds=0.005, checkpoint_seconds=0.005, anchor_seconds=0.001)
    with Traderbot.open(url) as bot:
        owner = bot.register_user(f"{uuid4().hex}@example.org", "correct horse battery staple")
        portfolio = bot.open_portfolio(owner, "savings")
        loop = SealingLoop(sealer, SystemClock(), pace)
        _say("ready")
        while True:
            bot.deposit(portfolio, "1 USD")
            loop.nudge()
            _say("done")


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()
