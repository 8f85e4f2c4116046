from __future__ import annotations

from typing import Any

from session_ui.packs import template_names


def test_plain_is_what_there_is() -> None:
    assert template_names("badge.html") == ("session_ui/badge.html",)


def test_a_pack_is_asked_before_plain(settings: Any) -> None:
    settings.SESSION_UI_PACK = "bootstrap5"

    assert template_names("cells/device.html") == (
        "session_ui/bootstrap5/cells/device.html",
        "session_ui/cells/device.html",
    )
