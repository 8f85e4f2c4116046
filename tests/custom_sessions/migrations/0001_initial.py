import django.contrib.auth.models
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import session_backend.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[],
            options={
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("auth.user",),
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="ShopSession",
            fields=[
                (
                    "session_key",
                    session_backend.fields.SessionKeyField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session"
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expires")),
                ("auth_hash", models.CharField(default="", editable=False, max_length=16)),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="signed in"
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="updated"),
                ),
                (
                    "last_activity",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="last activity"
                    ),
                ),
                ("ip", models.GenericIPAddressField(null=True, verbose_name="IP address")),
                (
                    "user_agent",
                    models.CharField(default="", max_length=512, verbose_name="user agent"),
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
                    models.CharField(default="", max_length=64, verbose_name="device model"),
                ),
                ("browser", models.CharField(default="", max_length=64, verbose_name="browser")),
                (
                    "os",
                    models.CharField(default="", max_length=64, verbose_name="operating system"),
                ),
                (
                    "country_code",
                    models.CharField(default="", max_length=2, verbose_name="country code"),
                ),
                ("country", models.CharField(default="", max_length=64, verbose_name="country")),
                ("city", models.CharField(default="", max_length=128, verbose_name="city")),
                ("shop", models.IntegerField(null=True)),
                ("remark", models.CharField(default="none", max_length=20)),
                (
                    "user",
                    models.ForeignKey(
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
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="custom_sessions.shopsession",
                    ),
                ),
            ],
        ),
    ]
