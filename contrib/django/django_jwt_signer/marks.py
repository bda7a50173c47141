"""What decorators write on views: the policy that judges their requests, or none.

Marking makes a new function, as Django's own decorators do: the same view at another URL stays as it was.
`functools.wraps` and `as_view` carry marks on.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.urls import Resolver404, get_resolver
from django.utils.decorators import method_decorator

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

View = TypeVar("View", bound="Callable[..., Any]")

DEFAULT: Final = "default"
EXEMPT: Final = ""  # in place of a policy's name
ENDPOINTS: Final = "\0"  # the same for the key set endpoints, whose own rule decides
UNCHECKED: Final = (EXEMPT, ENDPOINTS)
_MARK: Final = "_jwt_signer_policy"

_marked: list[str] = []  # the policies that were named so far; while it is empty, no URL has to be looked at


def mark(view: View, policy: str) -> View:
    """The view under that policy; of a class of views `dispatch` is marked. The outermost mark counts."""
    if isinstance(view, type):
        return cast("View", method_decorator(partial(mark, policy=policy), name="dispatch")(view))
    marked = _passing_on(view)
    setattr(marked, _MARK, policy)
    _marked.append(policy)
    return cast("View", marked)


def _passing_on(view: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(view):

        @wraps(view)
        async def awaiting(*arguments: Any, **keywords: Any) -> Any:
            return await view(*arguments, **keywords)

        return awaiting

    @wraps(view)
    def calling(*arguments: Any, **keywords: Any) -> Any:
        return view(*arguments, **keywords)

    return calling


def policy_of(view: object) -> str:
    """The name of the policy for a view's requests, or one of `UNCHECKED`."""
    policy: str = getattr(view, _MARK, DEFAULT)
    return policy


def policy_for(request: HttpRequest) -> str:
    """The policy for a request whose view is not known yet: what its URL leads to, if it leads anywhere."""
    resolver: Any = get_resolver(getattr(request, "urlconf", None))
    _load(resolver)
    if not _marked:
        return DEFAULT
    try:
        return policy_of(resolver.resolve(request.path_info).func)
    except Resolver404:
        return DEFAULT


def _load(resolver: Any) -> None:
    """Views are marked when their modules are imported, which the URLs do."""
    _ = resolver.url_patterns  # a cached property
