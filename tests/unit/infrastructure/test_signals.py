"""Signals to end: heard also when the system hands them to another thread than the waiting one."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from traderbot.infrastructure.signals import told_to_stop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_another_thread_ends_the_waiting(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with told_to_stop() as stopped:
        threading.Timer(0.05, signal.raise_signal, [number]).start()  # in the timer's own thread
        stopped.wait()
    assert signal.getsignal(number) is before


@pytest.mark.timeout(20)
def test_a_signal_before_the_waiting_is_not_forgotten() -> None:
    with told_to_stop() as stopped:
        signal.raise_signal(signal.SIGTERM)
        stopped.wait()
