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

    from flask import Flask

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


def policy_of(app: Flask, endpoint: str | None) -> str:
    """The policy for requests to an endpoint, `EXEMPT` or a name: its view's, else its innermost blueprint's.

    Where no view was found, nothing is known about a request but that it has to pass `DEFAULT`.
    """
    if endpoint is None:
        return DEFAULT
    policy: str | None = getattr(app.view_functions.get(endpoint), _MARK, None)
    blueprint = endpoint
    while policy is None and "." in blueprint:
        blueprint = blueprint.rpartition(".")[0]
        policy = getattr(app.blueprints.get(blueprint), _MARK, None)
    return DEFAULT if policy is None else policy


def marked_policies(app: Flask) -> dict[str, str]:
    """What is marked, by its endpoint or blueprint name, with its policy."""
    marked = {**app.view_functions, **app.blueprints}
    return {name: policy for name, one in marked.items() if (policy := getattr(one, _MARK, None)) is not None}
