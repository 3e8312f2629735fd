"""What a process that runs bots is called: nobody else's name, and readable for a person."""

from __future__ import annotations

import os
import secrets
import socket


def process_name() -> str:
    """Return `host:process id:six random digits`; the digits tell a restarted one apart."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(3)}"
