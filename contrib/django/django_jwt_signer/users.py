"""From the consumer of a request to a user of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.contrib.auth.base_user import AbstractBaseUser

    from jwt_signer_mw.messages import Consumer, Identity


def find_user(consumer: Consumer) -> AbstractBaseUser | AnonymousUser:
    """The active user whose primary key is the consumer's id; nobody where there is none."""
    users: Any = get_user_model()._default_manager  # noqa: SLF001
    try:
        user: AbstractBaseUser | None = users.filter(pk=consumer.id).first()
    except (ValueError, TypeError, OverflowError, ValidationError):  # consumers that are no users
        user = None
    return user if user is not None and user.is_active else AnonymousUser()


async def afind_user(consumer: Consumer) -> AbstractBaseUser | AnonymousUser:
    return await sync_to_async(find_user)(consumer)


class TokenUser:
    """Whom a token stands for, without a row in the database: authenticated, with no permission of Django's.

    `pk` is the consumer's id, or else the subject (or client) and its issuer.
    """

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, identity: Identity, claims: Mapping[str, Any]) -> None:
        consumer = identity.consumer
        subject = str(claims.get("sub") or claims.get("client_id") or "")
        self.identity = identity
        self.username = (None if consumer is None else consumer.username) or subject
        self.pk = self.id = (
            None if consumer is None else consumer.id
        ) or f"{subject} {claims.get('iss', '')}"

    def __str__(self) -> str:
        return self.username

    def get_username(self) -> str:
        return self.username

    def has_perm(self, _perm: str, _obj: object = None) -> bool:
        return False

    def has_perms(self, _perms: Iterable[str], _obj: object = None) -> bool:
        return False

    def has_module_perms(self, _module: str) -> bool:
        return False
