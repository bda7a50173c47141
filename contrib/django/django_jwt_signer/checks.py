"""System checks: `manage.py check`, `check --tag jwt_signer`, `check --deploy`.

Ids are those of the core and of this package, each kind from a number of its own, and never used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver

from django_jwt_signer import conf, hosts, services
from django_jwt_signer.marks import UNCHECKED, policy_of
from django_jwt_signer.order import find_disorder
from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.settings import unlogged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django_jwt_signer.conf import Configured

TAG = "jwt_signer"
FIRST_NUMBERS = {
    "settings": 0,
    "django": 500,
    "tenants": 700,
    "keysets": 800,
    "assembly": 900,
    "backends": 950,
}


@checks.register(TAG, checks.Tags.security)
def check_settings(**_: Any) -> list[checks.CheckMessage]:
    """Every problem of `JWT_SIGNER`, the weak choices included, and the order of `MIDDLEWARE`."""
    _policies, problems = examine()
    return [as_message(problem) for problem in (*problems, *find_disorder(settings.MIDDLEWARE))]


@checks.register(TAG, checks.Tags.urls)
def check_views(**_: Any) -> list[checks.CheckMessage]:
    """Views that name a policy that is not there."""
    policies, _problems = examine()
    if not policies or not getattr(settings, "ROOT_URLCONF", None):
        return []
    return [as_message(problem) for problem in _find_unknown_policies(policies)]


@checks.register(TAG, checks.Tags.security, deploy=True)
def check_deployment(**_: Any) -> list[checks.CheckMessage]:
    """What is fine on the desk of a developer only."""
    policies, _problems = examine()
    found = [
        conf.named(name, problem)
        for name, configured in policies.items()
        for problem in _find_desk_choices(configured)
    ]
    return [as_message(problem) for problem in found]


def examine() -> tuple[dict[str, Configured], list[Problem]]:
    """The policies, none if they can't be used, and all problems."""
    try:
        with unlogged():  # the check shows it
            policies = conf.load_policies()
    except ConfigurationError as error:
        return {}, list(error.problems)
    problems: list[Problem] = []
    for name, configured in policies.items():
        found = [*configured.settings.warnings]
        try:
            services.open_services(configured)
        except ConfigurationError as error:
            found += error.problems
        problems += (conf.named(name, problem) for problem in found)
    try:
        hosts.open_hosts(getattr(settings, conf.TENANTS, None), policies)
    except ConfigurationError as error:
        problems += error.problems
    return policies, problems


def as_message(problem: Problem) -> checks.CheckMessage:
    kind = checks.Error if problem.level == "error" else checks.Warning
    is_setting = problem.option.isupper()  # of the project, not an option of ours
    place = problem.option if is_setting else conf.SETTING
    text = problem.text if is_setting else f"{problem.option} {problem.text}"
    return kind(text, hint=problem.hint or None, obj=place, id=check_id(problem))


def check_id(problem: Problem) -> str:
    room, _, rest = problem.id.partition(".")
    return f"{TAG}.{rest[0]}{FIRST_NUMBERS[room] + int(rest[1:]):03d}"


def _find_unknown_policies(policies: dict[str, Configured]) -> Iterator[Problem]:
    for pattern in dict.fromkeys(_views(get_resolver().url_patterns)):
        policy = policy_of(pattern.callback)
        if policy not in (*UNCHECKED, *policies):
            text = f"has the policy {policy!r}, which is not there: its requests are answered with 500."
            yield Problem(
                "django.E010", "error", pattern.lookup_str, text, f"There are {', '.join(policies)}."
            )


def _views(patterns: Iterable[Any]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield pattern


def _find_desk_choices(configured: Configured) -> Iterator[Problem]:
    options = configured.settings
    store, cache = options.keyset_store, options.cache
    if isinstance(store, str) and store.startswith("memory:"):
        text = "has every process sign with keys of its own, which are gone when it ends."
        hint = 'Leave it out for the project\'s database, or name a shared store such as "redis://...".'
        yield Problem("django.W010", "warning", "keyset_store", text, hint)
    elif not options.keyset_encryption_keys:
        text = "is not set: who reads the store, or a backup of it, can sign as we do."
        hint = "Make a key with cryptography.fernet.Fernet.generate_key()."
        yield Problem("django.W011", "warning", "keyset_encryption_keys", text, hint)
    if isinstance(cache, str) and cache.startswith(services.SCHEME):
        backend = settings.CACHES.get(cache.removeprefix(services.SCHEME), {}).get("BACKEND", "")
        if backend.rpartition(".")[2] in ("LocMemCache", "DummyCache"):
            text = f"is a {backend.rpartition('.')[2]}, which no two processes share."
            yield Problem("django.W012", "warning", "cache", text, 'Use a shared backend, or "memory://".')
    if settings.DEBUG:
        text = "shows the headers of a request, new tokens among them, on its error pages."
        yield Problem("django.W013", "warning", "DEBUG", text, "Set DEBUG to False.")
