"""What decorators write on views and blueprints: the policy that judges their requests, or none.

A mark is an attribute of the function or blueprint itself. Names would be ambiguous: two views of one
name must not share an exemption. `functools.wraps` carries marks on to the wrapper.
"""

from __future__ import annotations

from inspect import isclass, ismethod
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flask import Blueprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Request

Markable = TypeVar("Markable", bound="Callable[..., Any] | Blueprint")

DEFAULT: Final = "default"
EXEMPT: Final = ""  # in place of a policy's name
_MARK: Final = "_jwt_signer_policy"


def mark(target: Markable, policy: str) -> Markable:
    """Raises `TypeError` for what can't be marked, `ValueError` for what is marked otherwise already."""
    if isclass(target) or ismethod(target) or not (callable(target) or isinstance(target, Blueprint)):
        raise TypeError(
            f"{target!r} is neither a view function nor a blueprint. Mark a class of views by its "
            "`decorators`, and a view that is a method by its blueprint."
        )
    if vars(target).get(_MARK, policy) != policy:
        raise ValueError(f"{target!r} has another policy already")
    setattr(target, _MARK, policy)
    return target


def policy_of(app: Flask, request: Request) -> str:
    """The policy for this request, `EXEMPT` or a name: its view's, its blueprint's (the innermost first).

    Where no view was found, nothing is known about the request but that it has to pass `DEFAULT`.
    """
    endpoint = request.endpoint
    if endpoint is None:
        return DEFAULT
    policy: str | None = getattr(app.view_functions.get(endpoint), _MARK, None)
    if policy is not None or "." not in endpoint:
        return DEFAULT if policy is None else policy
    marks = (getattr(app.blueprints[name], _MARK, None) for name in request.blueprints)
    return next((one for one in marks if one is not None), DEFAULT)


def marked_policies(app: Flask) -> dict[str, str]:
    """What is marked, by its endpoint or blueprint name, with its policy."""
    marked = {**app.view_functions, **app.blueprints}
    return {name: policy for name, one in marked.items() if (policy := getattr(one, _MARK, None)) is not None}
