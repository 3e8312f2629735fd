"""Compiles the loops with numba, and keeps what was compiled in the user's cache folder.

Only this module imports numba. It must contract and reorder nothing: no fastmath, no fused
multiply-add, no parallel reduction. Rows are shared among ordinary threads instead, since compiled
loops hold no lock.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numba.core.config
from numba.extending import register_jitable

from traderbot.domain.strategies.indicators import (
    averages,
    memory,
    momentum,
    ranges,
    smoothing,
    volume,
    windows,
)
from traderbot.infrastructure.compute.kernels import drivers
from traderbot.infrastructure.compute.kernels.blocks import averages as averages_blocks
from traderbot.infrastructure.compute.kernels.blocks import checks, extremes
from traderbot.infrastructure.compute.kernels.blocks import momentum as momentum_blocks
from traderbot.infrastructure.compute.kernels.blocks import ranges as ranges_blocks
from traderbot.infrastructure.compute.kernels.blocks import smoothing as smoothing_blocks
from traderbot.infrastructure.compute.kernels.blocks import windows as windows_blocks
from traderbot.infrastructure.compute.kernels.trading import curve, money, runs, settling, wishes

Compiled = Callable[..., Any]

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_STEPS = (windows, smoothing, averages, momentum, ranges, volume)
_BLOCKS = (
    checks,
    extremes,
    smoothing_blocks,
    averages_blocks,
    windows_blocks,
    momentum_blocks,
    ranges_blocks,
)
_TRADING = (money, settling, wishes, curve, runs)
_TABLE = "float64[:, ::1]"
_CUBE = "float64[:, :, ::1]"
_lock = threading.Lock()
_settings: Any = numba.core.config  # its types do not say what is in it


def compiled(loop: Compiled, columns: int, result: str = "void") -> Compiled:
    """Return a loop over rows and bars, compiled or taken from the cache folder.

    A cache folder that cannot be read or written costs time, and nothing else.
    """
    return compiled_as(loop, f"{result}({', '.join([_TABLE] * (columns + 1))}, {_CUBE})")


def compiled_as(loop: Compiled, signature: str) -> Compiled:
    """Return a loop with these types of arguments, compiled or taken from the cache folder."""
    with _lock:
        _register()
        folder = _cache_folder()
        if folder is not None:
            try:
                return _compile(loop, signature, folder)
            except Exception:  # noqa: BLE001, S110 - rubbish can be read as anything
                pass  # the folder vanished, is full or spoilt; what else is wrong comes up again
        return _compile(loop, signature, None)


def _compile(loop: Compiled, signature: str, folder: Path | None) -> Compiled:
    # numba has one such setting a process; whoever else uses numba here keeps the old ones.
    # SLP puts equal operations on neighbours into one instruction; it changes none of them.
    before = _settings.CACHE_DIR, _settings.SLP_VECTORIZE
    _settings.SLP_VECTORIZE = 1
    try:
        if folder is not None:
            _settings.CACHE_DIR = str(folder)
        made: Compiled = numba.njit(signature, cache=folder is not None, **_OPTIONS)(loop)
    finally:
        _settings.CACHE_DIR, _settings.SLP_VECTORIZE = before
    return made


@cache
def _register() -> None:
    """Let compiled code call every function of the definitions; as Python they stay as they are."""
    for module in (*_STEPS, *_BLOCKS, *_TRADING):
        for function in _functions(module):
            register_jitable(**_OPTIONS)(function)


@cache
def _cache_folder() -> Path | None:
    """Return a folder of this very source, or None if there is no place for one."""
    try:
        digest = hashlib.sha256()
        for module in (memory, *_STEPS, drivers, *_BLOCKS, *_TRADING, sys.modules[__name__]):
            digest.update(inspect.getsource(module).encode())
        folder = _user_cache() / "traderbot" / f"kernels-{digest.hexdigest()[:16]}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What is in there is executed, so nobody else may write to it.
        about = folder.stat()
        mine = not hasattr(os, "getuid") or (
            about.st_uid == os.getuid() and not about.st_mode & 0o022
        )
    except (OSError, RuntimeError):
        return None
    return folder if mine and os.access(folder, os.R_OK | os.W_OK | os.X_OK) else None


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _functions(module: ModuleType) -> Iterable[Callable[..., Any]]:
    return [
        each
        for each in vars(module).values()
        if inspect.isfunction(each) and each.__module__ == module.__name__
    ]
