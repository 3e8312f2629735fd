"""The words a verb takes, written in its signature: `Annotated[str, Argument("SYMBOL", "…")]`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin


@dataclass(frozen=True, slots=True)
class Argument:
    """A word known by its place."""

    metavar: str
    help: str


@dataclass(frozen=True, slots=True)
class Option:
    """A word known by its name, which is by default that of the parameter."""

    help: str
    metavar: str = ""  # what stands for its value; a flag has none
    name: str = ""
    opposite: str = ""  # of a flag: the name that says no
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a verb."""

    key: str  # its name in the function
    declared: Argument | Option
    kind: type  # str, int, bool or Path
    choices: tuple[str, ...] = ()
    default: object = None
    required: bool = False
    repeated: bool = False  # said as often as there are values; its function takes a list

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called on the command line; an argument goes by its metavar."""
        declared = self.declared
        if isinstance(declared, Argument):
            return (declared.metavar,)
        name = declared.name or f"--{self.key.replace('_', '-')}"
        return (name, declared.opposite) if declared.opposite else (name,)


def parameters_of(function: Callable[..., object]) -> tuple[Parameter, ...]:
    """Return the parameters of a verb's function, but for the session it works in."""
    found = inspect.signature(function, eval_str=True).parameters
    return tuple(_parameter(each) for key, each in found.items() if key != "session")


def _parameter(each: inspect.Parameter) -> Parameter:
    kind, declared = _taken_apart(each.annotation)
    repeated = get_origin(kind) is list and isinstance(declared, Option)
    if repeated:
        (kind,) = get_args(kind)
    choices: tuple[str, ...] = ()
    if get_origin(kind) is Literal:
        kind, choices = str, get_args(kind)
    if declared is None or kind not in {str, int, bool, Path}:
        msg = f"{each.name} is no parameter of a command line: {each.annotation!r}"
        raise TypeError(msg)
    required = each.default is inspect.Parameter.empty
    return Parameter(
        key=each.name,
        declared=declared,
        kind=kind,
        choices=choices,
        default=None if required else each.default,
        required=required,
        repeated=repeated,
    )


def _taken_apart(annotation: Any) -> tuple[Any, Argument | Option | None]:  # noqa: ANN401
    """Return the bare type and the declaration; `| None` only says that it may be left out."""
    if get_origin(annotation) is not Annotated:
        return annotation, None
    kind, declared = get_args(annotation)
    bare = [each for each in get_args(kind) if each is not NoneType]
    may_be_absent = get_origin(kind) not in {Literal, list} and len(bare) == 1
    return (bare[0] if may_be_absent else kind), declared
