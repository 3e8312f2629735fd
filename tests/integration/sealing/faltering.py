"""A sealer that is struck down at a step of its work: nothing it still wanted to do is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from traderbot.infrastructure.sealing.anchors import Anchor, AnchorFile, AnchorFileError
from traderbot.infrastructure.sealing.log_store import LogStore
from traderbot.infrastructure.sealing.sealer import Sealer

_STEPS = frozenset({"execute", "executemany", "commit", "rollback", "pipeline"})


class StruckDownError(BaseException):
    """The process is gone. Nobody catches this but the test."""


class Strike:
    """Counts steps, and strikes before or after the last of them."""

    def __init__(self, steps: int, *, after: bool) -> None:
        self._left = steps
        self._after = after
        self.has_struck = False

    def at(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*args: Any, **kwargs: Any) -> Any:
            if self.has_struck:
                raise StruckDownError  # a dead process tidies nothing up
            self._left -= 1
            if self._left == 0 and not self._after:
                self._strike()
            result = step(*args, **kwargs)
            if self._left == 0:
                self._strike()
            return result

        return taken

    def _strike(self) -> None:
        self.has_struck = True
        raise StruckDownError


def strike_down(sealer: Sealer, strike: Strike) -> None:
    """Have a sealer struck down while it talks to its database or writes an anchor."""
    store = sealer._store
    store._transaction = _struck(store, strike)  # type: ignore[method-assign]
    sealer._anchors = _StruckAnchors(sealer.anchors, strike)


def _struck(store: LogStore, strike: Strike) -> Any:
    inner = store._transaction

    @contextmanager
    def transaction(begin: Callable[[Any], None]) -> Iterator[Any]:
        with inner(lambda driver: begin(_Driver(driver, strike))) as driver:
            yield _Driver(driver, strike)
            strike.at(lambda: None)()  # before the commit

    return transaction


class _Driver:
    def __init__(self, inner: Any, strike: Strike) -> None:
        self._inner = inner
        self._strike = strike

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._strike.at(found) if name in _STEPS else found


class _StruckAnchors(AnchorFile):
    def __init__(self, inner: AnchorFile, strike: Strike) -> None:
        super().__init__(inner.path)
        self._strike = strike

    def append(self, anchor: Anchor) -> None:
        self._strike.at(super().append)(anchor)


class FullVolume(AnchorFile):
    """A file that takes no anchor as long as there is no room."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.has_room = False
        self.asked = 0

    def append(self, anchor: Anchor) -> None:
        self.asked += 1
        if not self.has_room:
            msg = f"{self.path}: no space left on device"
            raise AnchorFileError(msg)
        super().append(anchor)


def fill_volume(sealer: Sealer) -> FullVolume:
    """Have a sealer publish to a volume that is full: no test can fill one."""
    volume = sealer._anchors = FullVolume(sealer.anchors.path)
    return volume
