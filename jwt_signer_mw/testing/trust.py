"""Has an application that is there already trust a provider of the tests, and puts it back afterwards."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.assembly import Assembly
from jwt_signer_mw.testing.issuer import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jwt_signer_mw.assembly import Services
    from jwt_signer_mw.testing.issuer import Issuer

MAX_LOOKED_AT = 20_000  # objects; a large application has some hundreds
_CONTAINERS = (list, tuple, dict)
_NO_PARTS = (type, ModuleType, BuiltinFunctionType, str, bytes)


class NotProtected(LookupError):
    """No middleware of ours is in an application, or none that can be found."""


@contextmanager
def trusting(app: Any, issuer: Issuer) -> Iterator[list[Any]]:
    """Meanwhile every `JWTSignerMiddleware` in the application trusts the issuer; these are given.

    The outermost is the policy `default` of the issuer, the next one `2`, and so on.
    Raises `NotProtected`.
    """
    found = find_middlewares(app)
    with ExitStack() as replaced:
        for place, middleware in enumerate(found, 1):
            policy = DEFAULT if place == 1 else str(place)
            replaced.enter_context(_trusting(middleware, issuer, policy))
        yield found


def find_middlewares(app: Any) -> list[Any]:
    """From the outside inwards: in attributes, lists, closures and routes, and what a function that is the
    application names. Raises `NotProtected`."""
    found: list[Any] = []
    seen: set[int] = set()
    waiting = [app]
    while waiting and len(seen) < MAX_LOOKED_AT:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _NO_PARTS):
            continue
        seen.add(id(one))
        if isinstance(getattr(one, "__dict__", {}).get("assembly"), Assembly) and hasattr(one, "admin"):
            found.append(one)
        parts = [*_parts(one), *(_named(one) if one is app else ())]
        kept = [part for part in parts if callable(part) or isinstance(part, _CONTAINERS)]
        waiting += reversed(kept)
    if not found:
        kind = type(app).__name__
        raise NotProtected(
            f"no JWTSignerMiddleware is found in this {kind}: give the application as it is served"
        )
    return found


def services_of(assembly: Assembly, issuer: Issuer) -> Services:
    """What the application has, but for the provider that it asks."""
    return {**assembly.services, "keyset_store": assembly.keyset_store, **issuer.services()}


@contextmanager
def _trusting(middleware: Any, issuer: Issuer, policy: str) -> Iterator[None]:
    """The middleware becomes another one for a while: whoever holds it need not know."""
    assembly: Assembly = middleware.assembly
    settings = issuer.trusted_by(assembly.settings, policy)
    other = type(middleware)(middleware.app, settings, **services_of(assembly, issuer))
    before = vars(middleware).copy()
    vars(middleware).update(vars(other))
    try:
        yield
    finally:
        vars(middleware).clear()
        vars(middleware).update(before)


def _parts(one: Any) -> Iterable[Any]:
    if isinstance(one, dict):
        return list(one.values())
    if isinstance(one, list | tuple):
        return one
    if isinstance(one, MethodType):
        return (one.__self__, one.__func__)
    if isinstance(one, partial):
        return (one.func, *one.args, *one.keywords.values())
    return [_stack(one), *_closed_over(one), *getattr(one, "__dict__", {}).values()]


def _closed_over(function: Any) -> Iterator[Any]:
    cells = function.__closure__ or () if isinstance(function, FunctionType) else ()
    for cell in cells:
        with suppress(ValueError):  # of a name that has no value yet
            yield cell.cell_contents


def _named(function: Any) -> Iterator[Any]:
    """The globals that a function uses."""
    if isinstance(function, FunctionType):
        for name in function.__code__.co_names:
            yield function.__globals__.get(name)


def _stack(app: Any) -> Any:
    """Starlette puts its middlewares together at the first request; what is outermost comes first."""
    own = getattr(app, "__dict__", {})
    if "middleware_stack" in own and own["middleware_stack"] is None:
        app.middleware_stack = app.build_middleware_stack()
    return own.get("middleware_stack")
