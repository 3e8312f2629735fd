"""The control doors from the other side: for a test whose venue lives in another process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.venues.faults import Call, Fault

_ROOT = Path(__file__).parents[2]


class Control:
    """Moves the market, fills orders and breaks things at a venue elsewhere."""

    def __init__(self, url: str) -> None:
        """Speak to the server at `url`."""
        self.url = url

    def book(self) -> dict[str, Any]:
        """Return orders, balances, and how many entries the stream has."""
        return dict(self._ask("GET", "book"))

    def orders(self) -> list[dict[str, Any]]:
        """Return all orders, oldest first."""
        return list(self.book()["orders"])

    def requests(self, call: Call | None = None) -> list[dict[str, Any]]:
        """Return what clients asked for."""
        seen = self._ask("GET", "requests")
        return [it for it in seen if call is None or it["call"] == call]

    def price(self, symbol: str, bid: str, ask: str, **quantities: str) -> None:
        """Move the market."""
        self._ask("POST", "price", {"symbol": symbol, "bid": bid, "ask": ask, **quantities})

    def fill(self, client_id: str, quantity: str, price: str, **how: bool) -> dict[str, Any]:
        """Trade a part of an order."""
        told = {"client_id": client_id, "quantity": quantity, "price": price, **how}
        return dict(self._ask("POST", "fill", told))

    def end(self, client_id: str, how: str) -> dict[str, Any]:
        """End an order: `cancel`, `expire` or `reject`."""
        return dict(self._ask("POST", f"end/{how}", {"client_id": client_id}))

    def hide(self, client_id: str, questions: int) -> None:
        """Have it not found that many times."""
        self._ask("POST", "hide", {"client_id": client_id, "questions": questions})

    def account(self, key: str, secret: str, balances: dict[str, str], **how: bool) -> None:
        """Let somebody trade."""
        told = {"key": key, "secret": secret, "balances": balances, **how}
        self._ask("POST", "account", told)

    def fail(self, fault: Fault, *calls: Call, **how: Any) -> None:
        """Put a fault into force."""
        self._ask("POST", "faults", {"fault": fault, "calls": list(calls), **how})

    def heal(self) -> None:
        """Take all faults back."""
        self._ask("DELETE", "faults")

    def happened(self) -> dict[str, int]:
        """Return how often each fault struck."""
        return dict(self._ask("GET", "faults"))

    def drop_streams(self) -> None:
        """Close every stream."""
        self._ask("POST", "streams/drop", {})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        request = Request(  # noqa: S310
            f"{self.url}/_control/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def venue_process(module: str, folder: Path, *options: str) -> Iterator[Control]:
    """Run `tests.venues.binance` or `tests.venues.alpaca` as a process of its own."""
    ready = folder / f"{module.rpartition('.')[2]}.json"
    command: Sequence[str] = [sys.executable, "-m", module, "--ready-file", str(ready), *options]
    with subprocess.Popen(command, cwd=_ROOT) as process:
        try:
            deadline = time.monotonic() + 20
            while not ready.exists():
                assert process.poll() is None, "the venue ended at once"
                assert time.monotonic() < deadline, "the venue does not start"
                time.sleep(0.02)
            yield Control(json.loads(ready.read_text(encoding="utf-8"))["url"])
        finally:
            process.terminate()
