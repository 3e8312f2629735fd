"""traderbot: a trading platform that can prove what it did."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traderbot.bootstrap import Traderbot

__version__ = "0.1.0"
__all__ = ["Traderbot", "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    # Lazily: the platform brings a database toolkit along, and a bare import should not pay for it.
    if name == "Traderbot":
        from traderbot.bootstrap import Traderbot  # noqa: PLC0415

        return Traderbot
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
