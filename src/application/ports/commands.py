"""How a wish reaches the writer: a command, who asks, and the key that makes asking twice safe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.shared.errors import InvalidValueError

KEY_LENGTH = 255
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Command(Generic[R]):
    """A wish to change something, answered with an `R`. Each kind is a frozen dataclass."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`key` is the caller's own; `scope` keeps the keys of different callers apart."""

    scope: str
    key: str

    def __post_init__(self) -> None:
        """Raise InvalidValueError unless the key is 1 to 255 printable characters."""
        if not 0 < len(self.key) <= KEY_LENGTH or not self.key.isprintable():
            msg = f"an idempotency key is 1 to {KEY_LENGTH} printable characters"
            raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a command comes from. All of it is written into every event the command causes."""

    actor: Actor
    key: IdempotencyKey | None = None
    correlation_id: str | None = None  # the command's own id when nothing larger encloses it
    causation_id: str | None = None


class Handler(Protocol[R_co]):
    """Turns one kind of command into recorded events and an answer."""

    def __call__(self, command: Any, unit: UnitOfWork, /) -> R_co:  # noqa: ANN401 - each takes its own kind
        """Do it. Raises DomainError or ApplicationError, and then nothing is written."""
        ...


Handlers = Mapping[type[Command[Any]], Handler[Any]]


class CommandExecutor(Protocol):
    """Runs commands one after another and answers when each is durable."""

    def run(self, command: Command[R], origin: Origin) -> R:
        """Run it and wait. Raises what the handler raised, or an ExternalError."""
        ...

    async def execute(self, command: Command[R], origin: Origin) -> R:
        """Run it without blocking the event loop."""
        ...
