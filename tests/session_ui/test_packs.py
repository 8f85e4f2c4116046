from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from session_ui.checks import check_settings
from session_ui.packs import template_names
from tests.session_ui.helpers import HTMX, POLL, Browser, sessions_for, text_of

TEMPLATES = Path(__file__).parents[2] / "templates" / "session_ui"
PACKS = ["bootstrap5", "tailwind"]
FILES = sorted(
    path.relative_to(TEMPLATES).as_posix()
    for pack in PACKS
    for path in (TEMPLATES / pack).rglob("*.html")
)


def test_plain_is_what_there_is() -> None:
    assert template_names("badge.html") == ("session_ui/badge.html",)


def test_a_pack_is_asked_before_plain(settings: Any) -> None:
    settings.SESSION_UI_PACK = "bootstrap5"

    assert template_names("cells/device.html") == (
        "session_ui/bootstrap5/cells/device.html",
        "session_ui/cells/device.html",
    )


@pytest.mark.parametrize("pack", PACKS)
def test_the_check_knows_it(settings: Any, pack: str) -> None:
    settings.SESSION_UI_PACK = pack

    assert check_settings(None) == []


@pytest.mark.parametrize("name", FILES)
def test_a_template_of_a_pack_only_fills_blocks_that_the_plain_one_has(name: str) -> None:
    source = (TEMPLATES / name).read_text()
    plain = name.split("/", 1)[1]

    extends, *rest = source.splitlines()
    assert extends == f'{{% extends "session_ui/{plain}" %}}'
    blocks = [re.fullmatch(r"{% block (\S+) %}[\w -]+{% endblock %}", line) for line in rest]
    assert blocks
    for block in blocks:
        assert block
        assert f"{{% block {block[1]} %}}" in (TEMPLATES / plain).read_text()


@pytest.mark.django_db
@pytest.mark.urls("tests.session_ui.pages")
class TestPages:
    CLASSES = {
        "bootstrap5": [
            "btn btn-sm btn-outline-danger",
            "btn btn-sm btn-outline-secondary",
            "badge text-bg-success",
            "badge rounded-pill text-bg-secondary",
            "sui-table table",
            "pagination pagination-sm",
            "page-item",
            "page-link",
            "page-link active",
            "card card-body shadow",
            "btn btn-danger",
        ],
        "tailwind": [
            "btn btn-sm btn-outline btn-error",
            "btn btn-sm btn-ghost",
            "badge badge-sm badge-soft badge-success",
            "sui-table table",
            "join",
            "join-item btn btn-sm",
            "join-item btn btn-sm btn-active",
            "modal",
            "modal-box",
            "modal-action",
            "btn btn-error",
        ],
    }

    @pytest.fixture
    def browser(self, alice: Any, laptop: Browser, settings: Any) -> Browser:
        settings.SESSION_UI_PAGE_SIZE = 3
        sessions_for(alice, 13)
        return laptop.sign_in(alice)

    @pytest.mark.parametrize("pack", PACKS)
    def test_only_the_names_of_classes_differ(
        self, browser: Browser, settings: Any, pack: str
    ) -> None:
        for url, headers in (("/host/", {}), ("/pieces/", {}), (POLL, HTMX)):
            settings.SESSION_UI_PACK = "plain"
            plain = without_classes(text_of(browser.get(url, headers=headers)))
            settings.SESSION_UI_PACK = pack
            assert without_classes(text_of(browser.get(url, headers=headers))) == plain

    @pytest.mark.parametrize("pack", PACKS)
    def test_the_names_are_the_frameworks(self, browser: Browser, settings: Any, pack: str) -> None:
        settings.SESSION_UI_PACK = pack
        classes = re.findall(r'class="([^"]*)"', text_of(browser.get("/host/")))

        for wanted in self.CLASSES[pack]:
            assert [found for found in classes if wanted in found], wanted
        assert not {"sui-button", "sui-badge", "sui-page-link", "sui-pause"} & {
            name for found in classes for name in found.split()
        }


def without_classes(html: str) -> str:
    """A page without its classes, and without what is new in every one."""
    steady = re.sub(r'(name="csrfmiddlewaretoken" value=")\w+', r"\1", html)
    return re.sub(r' class="[^"]*"', "", steady)
