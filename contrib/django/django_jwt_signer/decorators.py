"""What views are decorated with: functions, coroutines, and classes of views."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import method_decorator

from django_jwt_signer.marks import EXEMPT, View, mark
from django_jwt_signer.passage import passage_of
from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.tokens.demands import ScopeDemand

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_jwt_signer.passage import Passage
    from jwt_signer_mw.tokens.demands import TokenName


def jwt_signer_policy(name: str) -> Callable[[View], View]:
    """Has the requests for a view judged by the policy of that name, in place of `default`."""
    if not name:
        raise ValueError("a policy has a name")
    return partial(mark, policy=name)


def jwt_signer_exempt(view: View) -> View:
    """Lets the requests for a view through unchecked, and without any token headers."""
    return mark(view, EXEMPT)


def jwt_signer_scopes(
    *scopes: str,
    token: TokenName = "access_token",  # noqa: S107  one of the two, no secret
) -> Callable[[View], View]:
    """Demands scopes for one view, on top of what its policy demands: 403 `insufficient_scope`.

    They mean what `access_token_scopes_required` means: any of them will do, and of one with several words
    all must be there. Raises `ValueError` for none at all.
    """
    return partial(_guard, demand=ScopeDemand(token, scopes))


def _guard(view: View, demand: ScopeDemand) -> View:
    if isinstance(view, type):
        return cast("View", method_decorator(partial(_guard, demand=demand), name="dispatch")(view))
    if _is_async(view):

        @wraps(view)
        async def aguarded(*arguments: Any, **keywords: Any) -> Any:
            passage = _passage_in(arguments)
            refusal = _refusal(passage, demand)
            if refusal is not None:
                return await passage.arefuse(refusal)
            return await view(*arguments, **keywords)

        return cast("View", aguarded)

    @wraps(view)
    def guarded(*arguments: Any, **keywords: Any) -> Any:
        passage = _passage_in(arguments)
        refusal = _refusal(passage, demand)
        return view(*arguments, **keywords) if refusal is None else passage.refuse(refusal)

    return cast("View", guarded)


def _is_async(view: Callable[..., Any]) -> bool:
    """The `dispatch` of a class of asynchronous views is a plain method that returns a coroutine."""
    instance = getattr(getattr(view, "func", view), "__self__", None)
    return iscoroutinefunction(view) or bool(getattr(instance, "view_is_async", False))


def _passage_in(arguments: tuple[Any, ...]) -> Passage:
    if not arguments:
        raise TypeError("a view is called with a request")
    return passage_of(arguments[0])


def _refusal(passage: Passage, demand: ScopeDemand) -> Refusal | None:
    try:
        demand.check(passage.policy.settings, passage.request.jwt_signer)
    except Refusal as refusal:
        return refusal
    return None
