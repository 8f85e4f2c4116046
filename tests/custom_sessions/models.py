"""A custom session model, as Django documents it.

"Extending database-backed session engines" in Django's documentation: a model, and a store
whose ``get_model_class`` returns it and whose ``create_model_instance`` fills its columns.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Upper

from session_backend.models import AbstractSession

__all__ = ["Customer", "Draft", "ShopSession", "VipSession"]


class ShopSession(AbstractSession):
    """A session that knows its shop, and a remark that its store knows nothing of."""

    shop = models.IntegerField(null=True)
    remark = models.CharField(max_length=20, default="none")
    loud_remark = models.GeneratedField(
        expression=Upper("remark"), output_field=models.CharField(max_length=20), db_persist=True
    )
    saved_at = models.DateTimeField(auto_now=True)


class VipSession(ShopSession):
    """A session of two tables."""

    table = models.CharField(max_length=20, default="by the window")


class Customer(User):
    """The user model under another name: what Django sends for it names the proxy."""

    class Meta:
        proxy = True


class Draft(models.Model):
    """Something that belongs to a session, and is deleted with it."""

    session = models.ForeignKey(ShopSession, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return f"draft {self.pk}"
