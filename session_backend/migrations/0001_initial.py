import uuid
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import session_backend.fields


def leave_room_for_touches(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # PostgreSQL rewrites a row in place only where its page has room for the new version, and
    # every session in use is written once a minute.
    if schema_editor.connection.vendor == "postgresql":
        table = schema_editor.quote_name(
            apps.get_model("session_backend", "Session")._meta.db_table
        )
        schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = 80)")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PastSession",
            fields=[
                (
                    "session_key",
                    session_backend.fields.SessionKeyField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False)),
                (
                    "name",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="name"),
                ),
                (
                    "device_id",
                    models.CharField(blank=True, default="", editable=False, max_length=40),
                ),
                (
                    "impersonator",
                    models.CharField(
                        blank=True,
                        default="",
                        editable=False,
                        max_length=150,
                        verbose_name="impersonator",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="signed in"
                    ),
                ),
                (
                    "last_activity",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="last activity"
                    ),
                ),
                (
                    "ip",
                    models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address"),
                ),
                (
                    "user_agent",
                    models.CharField(
                        blank=True, default="", max_length=512, verbose_name="user agent"
                    ),
                ),
                (
                    "device_type",
                    models.CharField(
                        choices=[
                            ("desktop", "Desktop"),
                            ("mobile", "Phone"),
                            ("tablet", "Tablet"),
                            ("bot", "Bot"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=8,
                        verbose_name="device type",
                    ),
                ),
                (
                    "device_model",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="device model"
                    ),
                ),
                (
                    "browser",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="browser"),
                ),
                (
                    "os",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="operating system"
                    ),
                ),
                (
                    "country_code",
                    models.CharField(
                        blank=True, default="", max_length=2, verbose_name="country code"
                    ),
                ),
                (
                    "country",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="country"),
                ),
                (
                    "city",
                    models.CharField(blank=True, default="", max_length=128, verbose_name="city"),
                ),
                ("ended_at", models.DateTimeField(db_index=True, verbose_name="ended")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("signed_out", "Signed out"),
                            ("revoked", "Signed out from another device"),
                            ("revoked_by_staff", "Signed out by an administrator"),
                            ("password_changed", "The password was changed"),
                            ("expired", "Expired"),
                            ("idle", "Not used for too long"),
                            ("limit", "Too many sessions"),
                            ("account_disabled", "The account was disabled"),
                            ("binding_failed", "The device could not be confirmed"),
                        ],
                        max_length=16,
                        verbose_name="reason",
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="ended by",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "past session",
                "verbose_name_plural": "past sessions",
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    session_backend.fields.SessionKeyField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False)),
                (
                    "name",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="name"),
                ),
                (
                    "device_id",
                    models.CharField(blank=True, default="", editable=False, max_length=40),
                ),
                (
                    "impersonator",
                    models.CharField(
                        blank=True,
                        default="",
                        editable=False,
                        max_length=150,
                        verbose_name="impersonator",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="signed in"
                    ),
                ),
                (
                    "last_activity",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="last activity"
                    ),
                ),
                (
                    "ip",
                    models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address"),
                ),
                (
                    "user_agent",
                    models.CharField(
                        blank=True, default="", max_length=512, verbose_name="user agent"
                    ),
                ),
                (
                    "device_type",
                    models.CharField(
                        choices=[
                            ("desktop", "Desktop"),
                            ("mobile", "Phone"),
                            ("tablet", "Tablet"),
                            ("bot", "Bot"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=8,
                        verbose_name="device type",
                    ),
                ),
                (
                    "device_model",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="device model"
                    ),
                ),
                (
                    "browser",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="browser"),
                ),
                (
                    "os",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="operating system"
                    ),
                ),
                (
                    "country_code",
                    models.CharField(
                        blank=True, default="", max_length=2, verbose_name="country code"
                    ),
                ),
                (
                    "country",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="country"),
                ),
                (
                    "city",
                    models.CharField(blank=True, default="", max_length=128, verbose_name="city"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expires")),
                (
                    "updated_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="updated"),
                ),
                ("new_until", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "authenticated_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("idle_expires_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "auth_hash",
                    models.CharField(blank=True, default="", editable=False, max_length=16),
                ),
                ("binding", models.TextField(blank=True, default="", editable=False)),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "permissions": (("view_session_data", "Can view session data"),),
                "abstract": False,
            },
        ),
        migrations.RunPython(leave_room_for_touches, migrations.RunPython.noop),
    ]
