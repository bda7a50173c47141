"""From the consumer of a request to a user of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

    from jwt_signer_mw.messages import Consumer


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
