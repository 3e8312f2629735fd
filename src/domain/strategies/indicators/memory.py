"""What an indicator remembers between two bars: a flat list of floats, of a length that stays.

Everything an indicator knows is in there, its parameters too, so a copy of the list is a snapshot,
and the same functions run on a list in plain Python and on an array in a compiled kernel. They
take the list, the place `at` which their own cells begin, and the new value.

Every function here and beside is one scalar step: plain additions, multiplications, divisions and
square roots, each rounded once, in the order they are written. That order is the definition. A
kernel may do other bars, symbols or parameters in between, but not fuse, reorder or replace one of
these operations; then it gives the same bits. No division is done before its divisor was looked
at, for plain Python would raise where a compiled kernel would go on.
"""

from __future__ import annotations

Memory = list[float]

# What is not known yet: the value of an indicator that has not seen enough bars.
UNKNOWN = float("nan")
