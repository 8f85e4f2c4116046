"""What a session holds, read without a session store."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.utils.module_loading import import_string

__all__ = ["decoded"]


def decoded(session_data: str, salt: str, serializer: str) -> dict[str, Any] | None:
    """Return the data of a session; None where this SECRET_KEY or serializer cannot read it.

    A session store logs that as an attack and returns an empty session, which here would
    pass for one.
    """
    try:
        data = signing.loads(session_data, salt=salt, serializer=import_string(serializer))
    except Exception:  # BadSignature, and whatever a serializer raises
        return None
    return data if isinstance(data, dict) else None
