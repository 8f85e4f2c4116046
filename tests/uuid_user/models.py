from __future__ import annotations

from uuid import uuid4

from django.contrib.auth.models import AbstractUser
from django.db import models

__all__ = ["User"]


class User(AbstractUser):
    """A user with a UUID for a primary key."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
