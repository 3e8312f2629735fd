"""Parameters of a strategy as a pydantic model: types, bounds and defaults in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from traderbot.domain.strategies.bounds import Bound, OneOf, Real, Whole
from traderbot.domain.strategies.errors import InvalidParameterError, hint
from traderbot.domain.strategies.parameters import parameter_text

_WIDEST = 10**15


class TypedParameters:
    """Mixed into a strategy, it reads the parameters from a model called `Parameters`.

    The values are attributes of the same names. `__init__` may be overridden; call this one first.

        class Mine(TypedParameters, SignalStrategy):
            class Parameters(BaseModel):
                fast: int = Field(12, ge=1, le=500)
    """

    Parameters: ClassVar[type[BaseModel]]
    bounds: ClassVar[Mapping[str, Bound]] = {}

    def __init_subclass__(cls, **more: Any) -> None:  # noqa: ANN401 - whatever the next one takes
        """Learn the bounds from the model."""
        super().__init_subclass__(**more)
        model = getattr(cls, "Parameters", None)
        if model is not None:
            found = {name: _bound(field) for name, field in model.model_fields.items()}
            cls.bounds = {name: bound for name, bound in found.items() if bound is not None}

    def __init__(self, **values: object) -> None:
        """Raise InvalidParameterError, naming parameter, bounds and the nearest legal value."""
        try:
            made = self.Parameters.model_validate(values)
        except ValidationError as error:
            raise _refusal(error, self.Parameters) from error
        self.__dict__.update(dict(made))

    def parameters(self) -> Mapping[str, str]:
        """Return the current parameters as text."""
        return {
            name: parameter_text(name, getattr(self, name)) for name in self.Parameters.model_fields
        }

    @classmethod
    def values_of(cls, parameters: Mapping[str, str]) -> Mapping[str, object]:
        """Return the values that these texts stand for, each by the type and bounds of its field.

        Validators of the model are asked when a strategy is made of them.

        Raises:
            InvalidParameterError: an unknown parameter, or a value its field refuses.
        """
        fields = cls.Parameters.model_fields
        values: dict[str, object] = {}
        for name, text in parameters.items():
            if name not in fields:
                raise InvalidParameterError(name, f"no such parameter{hint(name, fields)}")
            kind: Any = Annotated[fields[name].annotation, fields[name]]
            try:
                values[name] = TypeAdapter(kind).validate_strings(text)
            except ValidationError as error:
                raise _refusal(error, cls.Parameters, name) from error
        return values

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Self:
        """Return the strategy these texts describe.

        Raises:
            InvalidParameterError: an unknown parameter, or a value the model refuses.
        """
        known = cls.Parameters.model_fields
        for name in parameters:
            if name not in known:
                raise InvalidParameterError(name, f"no such parameter{hint(name, known)}")
        try:
            made = cls.Parameters.model_validate_strings(dict(parameters))
        except ValidationError as error:
            raise _refusal(error, cls.Parameters) from error
        return cls(**dict(made))


def _bound(field: FieldInfo) -> Bound | None:
    kind = field.annotation
    if get_origin(kind) is Literal and all(isinstance(word, str) for word in get_args(kind)):
        return OneOf(get_args(kind))
    if kind not in {int, float}:
        return None
    ends: dict[str, Any] = {}
    for each in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if hasattr(each, name):
                ends[name] = getattr(each, name)
    if not ends:
        return None
    least = ends.get("ge", ends.get("gt", -_WIDEST))
    most = ends.get("le", ends.get("lt", _WIDEST))
    if kind is int:
        return Whole(int(least) + ("gt" in ends), int(most) - ("lt" in ends))
    return Real(float(least), float(most), open_ends="gt" in ends or "lt" in ends)


def _refusal(
    error: ValidationError, model: type[BaseModel], alone: str | None = None
) -> InvalidParameterError:
    first: ErrorDetails = error.errors(include_url=False)[0]
    name = alone or ".".join(map(str, first["loc"])) or model.__name__
    field = model.model_fields.get(name)
    bound = _bound(field) if field is not None else None
    given = first["input"]
    if bound is not None:
        try:
            bound.check(name, _number(given, bound))
        except InvalidParameterError as told:
            return told
    return InvalidParameterError(
        name, f"{first['msg'][0].lower()}{first['msg'][1:]}, not {given!r:.60}"
    )


def _number(given: object, bound: Bound) -> object:
    """Return what was given as the number it was meant to be, to be told what is nearest."""
    if isinstance(bound, OneOf) or not isinstance(given, str):
        return given
    try:
        return int(given) if isinstance(bound, Whole) else float(given)
    except ValueError:
        return given
