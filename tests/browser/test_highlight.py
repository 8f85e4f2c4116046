"""A sign-in elsewhere lights up in the list, for those who want things to move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import Visitor, expect
from tests.session_ui.helpers import sessions_for, travel

pytestmark = pytest.mark.usefixtures("htmx")

ANIMATION = "row => getComputedStyle(row).animationName"


@pytest.mark.parametrize(("motion", "name"), [("no-preference", "sui-arrive"), ("reduce", "none")])
def test_a_new_row_lights_up(
    visitor: Callable[..., Visitor], alice: Any, motion: str, name: str
) -> None:
    laptop = visitor(reduced_motion=motion)
    with TURN:
        (old,) = sessions_for(alice, 1, created_at=datetime(2024, 5, 1, tzinfo=timezone.utc))
    laptop.sign_in(alice)
    laptop.sees(rows=2)
    expect(laptop.page.locator(".sui-row-new")).to_have_count(0)

    with TURN:
        new = Session.objects.get(pk=old.pk)
        new.pk, new.public_id, new.ip = "f" * 40, uuid4(), "2.125.1.1"
        new.created_at = now() + timedelta(seconds=5)
        new.save(force_insert=True)
    laptop.sees(rows=3)
    lit = laptop.page.locator(".sui-row-new")
    expect(lit).to_have_count(1)
    expect(lit.locator(".sui-open")).to_have_id(f"session-open-{new.public_id}")
    assert lit.evaluate(ANIMATION) == name

    # The next change is no news of that one.
    with TURN:
        travel(alice)
    expect(laptop.page.locator("#session-list")).to_contain_text("Elsewhere")
    expect(laptop.page.locator(".sui-row-new")).to_have_count(0)


def test_turning_a_page_lights_nothing_up(laptop: Visitor, alice: Any, settings: Any) -> None:
    settings.SESSION_UI_PAGE_SIZE = 2
    with TURN:
        rows = sessions_for(alice, 3)
        later = now() + timedelta(seconds=5)
        Session.objects.filter(pk=rows[-1].pk).update(created_at=later)
    laptop.sign_in(alice)
    laptop.page.get_by_role("link", name="Next").click()
    expect(laptop.page.locator("#session-range")).to_contain_text("of 4")
    expect(laptop.page.locator("#session-page")).to_have_value("2")
    expect(laptop.page.locator(".sui-row-new")).to_have_count(0)
