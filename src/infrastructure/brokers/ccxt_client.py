"""ccxt's clients of one exchange: where they may go, what they have learned, and who else needs it.

They sign, name symbols and find their way. They retry nothing, follow nothing and round nothing;
numbers pass through them as text.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from traderbot.application.errors import VenueUnavailableError
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.ccxt_ids import hosts_of
from traderbot.infrastructure.brokers.evidence import Evidence, Witness
from traderbot.infrastructure.brokers.extras import keep_secrets, need
from traderbot.infrastructure.brokers.line import Budget, Failed, Line, Said
from traderbot.infrastructure.brokers.venue_errors import CCXT, Meaning, by_class

HOSTS: Final = frozenset(
    {
        "api.binance.com",
        "ws-api.binance.com",
        "testnet.binance.vision",
        "ws-api.testnet.binance.vision",
    }
)
_LASTS: Final = 3600.0  # seconds that symbols and clock are believed
_AGAIN: Final = 60.0  # until they are asked for again after a failure
_CLOCK_IS_OFF: Final = "-1021"
_ANY: Final[Mapping[str, Any]] = {
    "defaultType": "spot",
    "warnOnFetchOpenOrdersWithoutSymbol": False,
    "createMarketBuyOrderRequiresPrice": False,
    "maxRetriesOnFailure": 0,
}
_OPTIONS: Final[Mapping[str, Any]] = {
    **_ANY,
    "fetchMarkets": {"types": ["spot"]},
    "fetchMargins": False,
    "fetchCurrencies": False,
    "adjustForTimeDifference": True,
    "recvWindow": 5000,
}


class CcxtClients:
    """Three lines to the venue: orders never wait behind a long list, nor cancels behind orders."""

    def __init__(
        self,
        key: str,
        secret: str,
        *,
        name: str,
        sandbox: bool,
        address: str | None,
        timeout_seconds: float,
        budget: Budget | None,
        id_: str = "binance",
        passphrase: str = "",
        by_class: Callable[[BaseException, Evidence], Meaning] | None = None,
    ) -> None:
        """Build the clients; nothing is sent yet. Raises MissingExtraError."""
        library, sessions = need("ccxt", "ccxt"), need("requests", "ccxt")
        adapters = need("requests.adapters", "ccxt")
        keep_secrets()
        self._id, self._kind = id_, getattr(library, id_)
        self._name, self._sandbox, self._address = name, sandbox, address
        self._nonces = _Nonces()
        own = self._options = _OPTIONS if id_ == "binance" else _ANY
        hosts = HOSTS if id_ == "binance" else self._own_hosts(own)
        self.hosts = AllowedHosts(hosts if address is None else [address])
        self._settings: Mapping[str, Any] = {
            "apiKey": key,
            "secret": secret,
            "password": passphrase,
            "timeout": int(timeout_seconds * 1000),
            "enableRateLimit": False,  # the budget is ours, and a full one says so at once
        }
        self._known: Any = None  # a client that only keeps what was learned
        self._learn_at = 0.0
        self._learning = threading.Lock()

        def make() -> tuple[Any, Witness]:
            witness = Witness(
                adapters.HTTPAdapter(),
                self.hosts,
                timeout_seconds=timeout_seconds,
                secrets=(secret, key, passphrase),
            )
            session = sessions.Session()
            session.trust_env = False
            for scheme in ("https://", "http://"):
                session.mount(scheme, witness)
            return self._client(self._kind, session=session), witness

        def line() -> Line:
            return Line(
                make, by_class or _class_says, timeout_seconds=timeout_seconds, budget=budget
            )

        self.orders, self.questions, self.cancels = line(), line(), line()

    def close(self) -> None:
        """Hang up."""
        self.orders.close()
        self.questions.close()
        self.cancels.close()

    @property
    def knows(self) -> bool:
        """Whether the symbols were learned, however long ago."""
        return self._known is not None

    def market(self, code: str) -> Mapping[str, Any] | None:
        """Return what ccxt tells of a symbol, None if it is not traded."""
        known: Mapping[str, Mapping[str, Any]] = self._known.markets
        return known.get(code)

    def markets(self) -> Mapping[str, Mapping[str, Any]]:
        """Return all that ccxt tells of what is traded."""
        known: Mapping[str, Mapping[str, Any]] = self._known.markets
        return known

    def for_stream(self) -> Any:  # noqa: ANN401 - a library without types
        """Make a client that can listen. Raises VenueUnavailableError."""
        self.learn()
        return self._client(getattr(need("ccxt.pro", "ccxt"), self._id))

    def learn(self, *, afresh: bool = False) -> None:
        """Learn symbols, their steps and the venue's clock, once an hour; or now, if `afresh`.

        Raises:
            VenueUnavailableError: nothing is known yet, and the venue does not say.
        """
        with self._learning:
            if self._known is not None and time.monotonic() < self._learn_at and not afresh:
                return
            answer = self.questions.call(
                lambda client: client.load_markets(True),  # noqa: FBT003 - ccxt's own
                weight=21,
            )
            if isinstance(answer, Said) and answer.value:
                self._known = self._client(self._kind, teacher=self.questions.client)
                self._learn_at = time.monotonic() + _LASTS
                for each in (self.orders, self.cancels):
                    _teach(each.client, self._known)
                return
            if self._known is None:
                if isinstance(answer, Failed):
                    raise answer.unavailable()
                msg = f"{self._name} did not tell what it trades"
                raise VenueUnavailableError(msg)
            # What was known is better than nothing, or than what ccxt made of garbage.
            _teach(self.questions.client, self._known)
            self._learn_at = time.monotonic() + _AGAIN
            if afresh:
                msg = f"{self._name} did not tell what it trades now"
                raise VenueUnavailableError(msg)

    def told(self, answer: Said[Any] | Failed) -> Any:  # noqa: ANN401 - whatever ccxt returned
        """Return what the venue said. Raises VenueUnavailableError."""
        if isinstance(answer, Failed):
            self.learn_from(answer)
            raise answer.unavailable()
        return answer.value

    def listed(self, answer: Said[Any] | Failed) -> list[Any]:
        """Return a list, if the venue told one: ccxt makes an empty one of any garbage.

        Raises:
            VenueUnavailableError: it told none, or one that ccxt did not read to the end.
        """
        told = self.told(answer)
        said = answer.evidence.json()
        if not isinstance(said, list) or not isinstance(told, list) or len(said) != len(told):
            msg = f"{self._name} did not answer with a list that can be read"
            raise VenueUnavailableError(msg)
        return told

    def learn_from(self, failed: Failed) -> None:
        """Ask for the venue's clock again if it says that ours is off."""
        problem = failed.evidence.problem()
        if problem is not None and problem[0] == _CLOCK_IS_OFF:
            self._learn_at = 0.0

    def _client(self, kind: Any, *, teacher: Any = None, **more: Any) -> Any:  # noqa: ANN401
        client = kind({**self._settings, "options": dict(self._options), **more})
        client.number = str
        client.incrementing_nonce = self._nonces.next  # the lines share a key, and so its numbers
        if self._sandbox:
            client.set_sandbox_mode(True)
        if self._address is not None:
            client.urls = _moved(client.urls, self._address)
        teacher = teacher or self._known
        if teacher is not None:
            _teach(client, teacher)
        return client

    def _own_hosts(self, options: Mapping[str, Any]) -> Iterable[str]:
        pro = need("ccxt.pro", "ccxt")  # its addresses are all there are, the streams' too
        client = getattr(pro, self._id, self._kind)({"options": dict(options)})
        if self._sandbox:
            client.set_sandbox_mode(True)
        return hosts_of(client)


class _Nonces:
    """Numbers that only grow, in microseconds, for exchanges that refuse what came before."""

    def __init__(self) -> None:
        self._last, self._lock = 0, threading.Lock()

    def next(self) -> int:
        """Return the next one."""
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return self._last


def _class_says(error: BaseException, evidence: Evidence) -> Meaning:
    del evidence
    return by_class(error, CCXT)


def _teach(client: Any, teacher: Any) -> None:  # noqa: ANN401 - libraries without types
    """Give a client the symbols and the clock another one has learned."""
    client.set_markets_from_exchange(teacher)
    for name, value in teacher.options.items():
        client.options.setdefault(name, value)
    if "timeDifference" in teacher.options:
        client.options["timeDifference"] = teacher.options["timeDifference"]


def _moved(urls: Any, address: str) -> Any:  # noqa: ANN401 - ccxt's tree of addresses
    """Replace every host in ccxt's tree of addresses; one forgotten would be the real one."""
    if isinstance(urls, dict):
        return {key: _moved(value, address) for key, value in urls.items()}
    if isinstance(urls, list):
        return [_moved(value, address) for value in urls]
    found = re.match(r"(https?|wss?)://[^/]+", urls) if isinstance(urls, str) else None
    if found is None:
        return urls
    scheme = "ws" if found[1].startswith("ws") else "http"
    return f"{scheme}://{address}{urls[found.end() :]}"
