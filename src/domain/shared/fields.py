"""Fields of events and values that came later than the first log.

Declared as `field(default=…, metadata=LATER)`, such a field is left out of the log where it has its
default. So an event that does not use it has the same bytes as before the field existed, and old
logs read as if it had always been there with its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LATER: Mapping[str, bool] = MappingProxyType({"later": True})
