"""What can be wrong with a value."""

from __future__ import annotations


class UncacheableValueError(TypeError):
    """A value of this kind cannot be written to Redis."""


class UnreadableValueError(ValueError):
    """The bytes are no value that this program wrote."""
