"""Functions whose answers are kept."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final, TypeVar, overload

from traderbot.application.ports.cache import Cache
from traderbot.infrastructure.cache_layer.envelope import encode
from traderbot.infrastructure.cache_layer.errors import UncacheableValueError
from traderbot.infrastructure.cache_layer.shared_cache import get_cache

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_CATEGORY: Final = "default"
_DIGEST_BYTES: Final = 16


@overload
def cached(category: F) -> F: ...
@overload
def cached(
    category: str = ...,
    *,
    ttl: float | None = ...,
    key: Callable[..., str] | None = ...,
    cache: Cache | None = ...,
) -> Callable[[F], F]: ...
def cached(
    category: str | F = DEFAULT_CATEGORY,
    *,
    ttl: float | None = None,
    key: Callable[..., str] | None = None,
    cache: Cache | None = None,
) -> Any:
    """Keep the answers of a function, or of a coroutine function, by its arguments.

    Args:
        category: decides for how long, if `ttl` does not; see `categories.py`.
        ttl: seconds.
        key: makes a text of the arguments; by default a digest of them, which must then be plain
            data: a method needs a `key`, for its `self` is none.
        cache: where; by default the cache of the process at the time of the call.

    The function gets two of its own beside it: `key_of(*arguments)`, and
    `invalidate(*arguments)`, after which the next call works anew. Concurrent calls with the same
    arguments work once. An error is not kept.
    """
    if not isinstance(category, str):
        return cached()(category)

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        name = f"{category}:{function.__module__}.{function.__qualname__}:"

        def key_of(*args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - the function's own
            if key is not None:
                return name + key(*args, **kwargs)
            return name + _digest(signature, args, kwargs)

        def invalidate(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the function's own
            _chosen(cache).delete(key_of(*args, **kwargs))

        wrapper = _of(function, key_of, ttl, cache)
        wrapper.key_of = key_of
        wrapper.invalidate = invalidate
        return wrapper  # type: ignore[no-any-return]

    return decorate


def _of(
    function: Callable[..., Any],
    key_of: Callable[..., str],
    ttl: float | None,
    cache: Cache | None,
) -> Any:  # noqa: ANN401 - a function that is given attributes
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def answer_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            return await _chosen(cache).get_or_load_async(
                key_of(*args, **kwargs), lambda: function(*args, **kwargs), ttl
            )

        return answer_async

    @functools.wraps(function)
    def answer(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's own
        return _chosen(cache).get_or_load(
            key_of(*args, **kwargs), lambda: function(*args, **kwargs), ttl
        )

    return answer


def _chosen(cache: Cache | None) -> Cache:
    return get_cache() if cache is None else cache  # an empty one is false


def _digest(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    try:
        raw = encode(list(bound.arguments.items()), compress_above=2**62)
    except UncacheableValueError as error:
        msg = f"no key can be made of these arguments, give the decorator a key=: {error}"
        raise UncacheableValueError(msg) from error
    return blake2b(raw, digest_size=_DIGEST_BYTES).hexdigest()
