"""Where `JWTSignerMiddleware` stands in `MIDDLEWARE`: problems, each with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

from jwt_signer_mw.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OURS = "django_jwt_signer.middleware.JWTSignerMiddleware"
USERS = "django_jwt_signer.middleware.ConsumerUserMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"

# By dotted path, subclasses included, with the reason.
ABOVE = {
    "django.middleware.security.SecurityMiddleware": "so that a refusal has its headers, too",
    "django.middleware.locale.LocaleMiddleware": "so that the URL is read in the right language",
    "corsheaders.middleware.CorsMiddleware": "as a CORS preflight has no token",
}
BELOW = {
    AUTHENTICATION: "so that nobody is logged in by a request that is refused",
    "django.contrib.auth.middleware.RemoteUserMiddleware": "so that it sees no header of the client's",
    "django.contrib.auth.middleware.LoginRequiredMiddleware": "so that a refusal is no redirect",
    "django.middleware.cache.FetchFromCacheMiddleware": "or cached answers go to anybody",
    USERS: "as it shows what was decided",
}


def find_disorder(middleware: Sequence[str]) -> Iterator[Problem]:
    """`middleware` is the value of `MIDDLEWARE`."""
    count = list(middleware).count(OURS)
    if not count:
        text = "does not hold JWTSignerMiddleware: no request is checked."
        yield Problem("django.W001", "warning", "MIDDLEWARE", text, f"Add {OURS!r}.")
        return
    if count > 1:
        text = "holds JWTSignerMiddleware more than once: the second one would find no token."
        yield Problem("django.E011", "error", "MIDDLEWARE", text, "Remove one.")
    ours = list(middleware).index(OURS)
    yield from _find_misplaced(middleware[ours + 1 :], ABOVE, "above", "W002")
    yield from _find_misplaced(middleware[:ours], BELOW, "below", "W003")
    if USERS in middleware and not _index(middleware, AUTHENTICATION) < list(middleware).index(USERS):
        text = "has ConsumerUserMiddleware above AuthenticationMiddleware, which would replace the user."
        yield Problem("django.W004", "warning", "MIDDLEWARE", text, "Move ConsumerUserMiddleware below.")


def _find_misplaced(
    middleware: Sequence[str], wanted: dict[str, str], where: str, number: str
) -> Iterator[Problem]:
    for path in middleware:
        for name, reason in wanted.items():
            if _is_kind_of(path, name):
                text = f"should have {path} {where} JWTSignerMiddleware, {reason}."
                hint = f"Move JWTSignerMiddleware {'down' if where == 'above' else 'up'}."
                yield Problem(f"django.{number}", "warning", "MIDDLEWARE", text, hint)


def _index(middleware: Sequence[str], name: str) -> int:
    """Of the first one of that kind; -1 for none."""
    return next((place for place, path in enumerate(middleware) if _is_kind_of(path, name)), -1)


def _is_kind_of(path: str, name: str) -> bool:
    if path == name:
        return True
    try:
        found, wanted = import_string(path), import_string(name)
    except ImportError:  # it is not installed, or the server will say so
        return False
    return isinstance(found, type) and isinstance(wanted, type) and issubclass(found, wanted)
