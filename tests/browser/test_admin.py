"""The lists of the admin fit the screen, and a question is answered there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from session_backend.models import PastSession, Session
from tests.browser.site import TURN
from tests.browser.visitor import Visitor, expect
from tests.browsers import make_user
from tests.session_ui.helpers import sessions_for

if TYPE_CHECKING:
    from playwright.sync_api import Locator

SESSIONS = "/admin/session_backend/session/"
HISTORY = "/admin/session_backend/pastsession/"
CLIENT: dict[str, Any] = {
    "ip": "2001:db8:85a3:1234:5678:8a2e:370:7334",
    "city": "San Francisco",
    "country": "United States",
    "browser": "Samsung Internet",
}


@pytest.fixture
def boss(db: None) -> Any:
    """A superuser, beside people whose names and addresses are long."""
    with TURN:
        for name in ("alice", "bob.longstocking@example.com"):
            user = make_user(name)
            sessions_for(user, 2)
            user.session_set.first().revoke()
        for rows in (Session.objects.all(), PastSession.objects.all()):
            rows.update(**CLIENT)
        return make_user("boss", is_staff=True, is_superuser=True)


def width_missing(visitor: Visitor, selector: str) -> int:
    """Return how many pixels of an element are seen only by scrolling sideways."""
    found: int = visitor.page.locator(selector).evaluate(
        "element => element.scrollWidth - element.clientWidth"
    )
    return found


@pytest.mark.parametrize("path", [SESSIONS, HISTORY])
def test_all_columns_are_on_the_screen(laptop: Visitor, boss: Any, path: str) -> None:
    laptop.sign_in(boss, to=path)
    expect(laptop.page.locator("#result_list tbody tr")).to_have_count(3 if path == SESSIONS else 2)
    assert width_missing(laptop, ".results") == 0


@pytest.mark.parametrize("path", [SESSIONS, HISTORY])
def test_on_a_phone_only_the_table_scrolls(phone: Visitor, boss: Any, path: str) -> None:
    phone.sign_in(boss, to=path)
    assert width_missing(phone, "html") == 0
    # Who it is, on what and where, without scrolling.
    for column in ("owner", "device_name", "place"):
        box = phone.page.locator(f"#result_list thead .column-{column}").bounding_box()
        assert box
        assert box["x"] + box["width"] <= 390


def test_the_question_is_answered(laptop: Visitor, boss: Any) -> None:
    laptop.sign_in(boss, to=SESSIONS)
    row = laptop.page.get_by_role("row").filter(has_text="alice")

    def ask() -> Locator:
        row.get_by_role("checkbox").check()
        laptop.page.get_by_role("combobox").select_option("Sign out the selected sessions")
        laptop.page.locator("button[name=index]").click()
        main = laptop.page.get_by_role("main")
        expect(main).to_contain_text("1 session will be signed out.")
        assert width_missing(laptop, "html") == 0
        return main

    ask().get_by_role("link", name="Cancel").click()
    expect(row).to_have_count(1)
    main = ask()
    main.get_by_role("button", name="Sign out").click()
    expect(main).to_contain_text("1 session signed out.")
    expect(row).to_have_count(0)
