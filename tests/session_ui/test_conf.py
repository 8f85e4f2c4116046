from __future__ import annotations

from typing import Any

import pytest

from session_ui.conf import conf
from session_ui.tables import SessionTable


def test_the_defaults() -> None:
    assert (conf.poll_interval, conf.pack, conf.page_size) == (15, "plain", 25)
    assert conf.table_class is SessionTable


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("SESSION_UI_POLL_INTERVAL", 0, "poll_interval"),
        ("SESSION_UI_PACK", "bootstrap5", "pack"),
        ("SESSION_UI_TABLE", "shop.tables.Devices", "table_path"),
        ("SESSION_UI_PAGE_SIZE", 3, "page_size"),
    ],
)
def test_a_setting_is_read_when_it_is_asked_for(
    settings: Any, setting: str, value: Any, name: str
) -> None:
    setattr(settings, setting, value)

    assert getattr(conf, name) == value
