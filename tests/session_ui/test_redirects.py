from __future__ import annotations

from typing import Any

import pytest

from tests.browsers import LAPTOP, PASSWORD, Browser
from tests.session_ui.helpers import HTMX, LIST, POLL, SIGN_IN

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("engine"),
]

WATCH = "/account/sessions/watch/"


class TestNewKey:
    """A poll that was sent before the session got a new key, and is answered after it."""

    @pytest.fixture
    def late(self, alice: Any, laptop: Browser, settings: Any) -> Browser:
        """The same browser, with the key that it had before."""
        settings.SESSION_BACKEND_CLEAR_SITE_DATA = ["storage"]
        late = Browser(LAPTOP)
        late.cookies["sessionid"] = laptop.sign_in(alice).key or ""
        laptop.post(SIGN_IN, {"username": "alice", "password": PASSWORD})
        assert laptop.key != late.key
        return late

    @pytest.mark.parametrize("url", [POLL, WATCH])
    def test_signs_nobody_out(self, late: Browser, laptop: Browser, url: str) -> None:
        response = late.get(url, headers=HTMX)
        assert response.status_code == 204
        assert "sessionid" not in response.cookies
        assert not {"HX-Redirect", "Clear-Site-Data"} & set(response.headers)
        late.cookies["sessionid"] = laptop.key or ""
        assert late.get(url, headers=HTMX).status_code == 200

    def test_the_next_poll_leaves_if_the_key_is_still_the_same(self, late: Browser) -> None:
        assert late.get(POLL, headers=HTMX).status_code == 204
        assert SIGN_IN in late.get(POLL, headers=HTMX).headers["HX-Redirect"]

    def test_another_request_deletes_the_cookie(self, late: Browser) -> None:
        assert SIGN_IN in late.get(LIST, headers=HTMX).headers["HX-Redirect"]
        assert late.key is None

    def test_a_poll_of_a_revoked_session_leaves_at_once(self, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice).row.revoke()
        response = laptop.get(POLL, headers=HTMX)
        assert SIGN_IN in response.headers["HX-Redirect"]
        assert laptop.key is None
