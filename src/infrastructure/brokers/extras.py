"""Libraries that come with an extra: loaded when a venue is built, never at import."""

from __future__ import annotations

import logging
import warnings
from importlib import import_module
from typing import Any, ClassVar, Final

from traderbot.application.errors import ApplicationError


class MissingExtraError(ApplicationError):
    """A library is not installed. The message says how to get it."""

    code: ClassVar[str] = "MISSING_EXTRA"


def need(module: str, extra: str) -> Any:  # noqa: ANN401 - a module without stubs
    """Return a module of a library that the extra `extra` brings.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # alpaca-py uses a part of websockets that websockets calls legacy; not ours to mend.
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module(module)
    except ImportError as error:
        msg = (
            f"the venue needs {module.partition('.')[0]}, which is not installed: "
            f"install this program with its extra [{extra}], as in pip install '.[{extra}]'"
        )
        raise MissingExtraError(msg) from error


# At DEBUG they write down keys, signed addresses and whole requests.
_TALKATIVE: Final = ("ccxt", "urllib3.connectionpool", "alpaca")


def keep_secrets() -> None:
    """Have the libraries log nothing finer than INFO, however fine everything else is logged."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))


def silent() -> logging.Logger:
    """Return a logger for a library that would log each frame, the one with the secret too."""
    logger = logging.getLogger("traderbot.venue.frames")
    logger.setLevel(logging.WARNING)
    return logger
