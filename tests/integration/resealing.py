"""A rotation to be killed: `python -m tests.integration.resealing URL`, its keys on stdin."""

from __future__ import annotations

import sys
from time import sleep

from traderbot.application.resealing import reseal_all
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.vault import SqlSealedKeys
from traderbot.infrastructure.security.secret_box import AesGcmSecretBox

BATCH = 5


def main() -> None:
    """Seal again, a few at a time, and say after each batch how far it is."""
    url = sys.argv[1]
    keys = [bytes.fromhex(line) for line in sys.stdin.read().split()]

    def tell(done: int, _total: int) -> None:
        print(done, flush=True)  # noqa: T201 - what the test waits for
        sleep(0.002)

    stored = SqlSealedKeys(reader_engine(url), writer_engine(url))
    reseal_all(stored, AesGcmSecretBox(keys), tell, batch=BATCH)


if __name__ == "__main__":
    main()
