"""Every step of the protocol, and every request that is out of place."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from session_backend.binding.state import CHALLENGE_LIFETIME, LIFETIME, MARGIN, Binding
from session_backend.conf import conf
from session_backend.models import PastSession, Session
from tests.browsers import LAPTOP, PASSWORD, Browser, make_user
from tests.session_backend.binding.browser import BoundBrowser, Key
from tests.session_backend.binding.conftest import AnyBrowser, Wait
from tests.session_backend.helpers import execute_before, login_data, open_store

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine", "offer"),
]

REGISTER, REFRESH = "/session-binding/register", "/session-binding/refresh"
SIGNED_IN, ANONYMOUS = b"alice: 0", b"anonymous: 0"


@pytest.fixture
def bound(browser: AnyBrowser, alice: Any) -> AnyBrowser:
    """A browser in which Alice has signed in, and whose session is bound."""
    browser.sign_in(alice)
    return browser


def thief_of(browser: AnyBrowser) -> BoundBrowser:
    """Return another browser with every cookie of this one, and another key."""
    thief = BoundBrowser()
    thief.cookies = deepcopy(browser.cookies)
    thief.instructions, thief.offer = browser.instructions, browser.offer
    thief.challenge = browser.challenge
    return thief


def signed_in(browser: AnyBrowser, user: Any) -> None:
    """Sign in without a registration."""
    data = {"username": user.get_username(), "password": PASSWORD}
    browser.visit("/accounts/login/", "POST", data)


def assert_ended(reason: str = "binding_failed") -> None:
    assert not Session.objects.exists()
    assert PastSession.objects.get().reason == reason


# -- registration ----------------------------------------------------------------------------------


def test_sign_in_offers(browser: AnyBrowser, alice: Any) -> None:
    assert "Secure-Session-Registration" not in browser.visit("/read/").headers
    browser.sign_in(alice)
    assert browser.offer is not None
    assert browser.offer["path"] == REGISTER
    assert "Secure-Session-Registration" not in browser.visit("/read/").headers


def test_registration(browser: AnyBrowser, alice: Any) -> None:
    browser.sign_in(alice)
    assert browser.row.is_bound
    assert browser.instructions == {
        "session_identifier": json.loads(browser.row.binding)["id"],
        "refresh_url": REFRESH,
        "scope": {
            "include_site": False,
            "scope_specification": [{"type": "exclude", "domain": "*", "path": "/static/"}],
        },
        "credentials": [
            {
                "type": "cookie",
                "name": "sessionid_bound",
                "attributes": "HttpOnly; Path=/; SameSite=Lax; Secure",
            }
        ],
    }
    assert int(browser.cookies["sessionid_bound"]["max-age"]) == LIFETIME - MARGIN
    assert browser.visit("/read/").content == SIGNED_IN
    assert browser.refreshes == 0


def test_registration_with_an_rsa_key(browser: AnyBrowser, alice: Any) -> None:
    browser.key_pair = Key(rsa_bits=2048)
    browser.sign_in(alice)
    assert browser.row.is_bound
    assert browser.refresh().status_code == 200


def test_older_names_of_headers(browser: AnyBrowser, alice: Any) -> None:
    browser.response_header, browser.id_header = "Sec-Session-Response", "Sec-Session-Id"
    browser.sign_in(alice)
    assert browser.refresh().status_code == 200


def test_secrets_stored_nowhere(bound: AnyBrowser, alice: Any) -> None:
    cookie, row = bound.cookies["sessionid_bound"].value, bound.row
    assert cookie not in row.binding
    assert set(row.get_decoded()) == {"_auth_user_id", "_auth_user_backend", "_auth_user_hash"}
    assert "binding" not in str(Session.objects.export(alice))


def test_requests_under_way_at_registration(bound: AnyBrowser, wait: Wait) -> None:
    bound.lose_cookie()
    assert bound.send("/read/").content == SIGNED_IN
    wait(MARGIN + 1)
    assert bound.send("/read/").content == ANONYMOUS


@pytest.mark.parametrize("challenge", ["of another", "ü", 5, ["x"], None])
def test_registration_with_another_challenge(
    browser: AnyBrowser, alice: Any, challenge: object
) -> None:
    signed_in(browser, alice)
    proof = browser.key_pair.sign(challenge, registers=True)
    assert browser.register(proof=proof).status_code == 400
    assert not browser.row.is_bound
    assert browser.register().status_code == 200


def test_registration_too_late(browser: AnyBrowser, alice: Any, wait: Wait) -> None:
    signed_in(browser, alice)
    wait(LIFETIME + 1)
    assert browser.register().status_code == 400
    assert not browser.row.is_bound
    assert browser.visit("/read/").content == SIGNED_IN


def test_registration_for_another_session(alice: Any, browser: AnyBrowser) -> None:
    other = BoundBrowser()
    signed_in(other, alice)
    signed_in(browser, alice)
    assert other.offer is not None
    response = browser.register(challenge=other.offer["challenge"])
    assert response.status_code == 400
    assert b"another challenge" in response.content
    assert not browser.row.is_bound


@pytest.mark.parametrize("proof", ["", "nonsense", "a.b.c", "ü", "x" * 5000])
def test_registration_without_a_proof(browser: AnyBrowser, alice: Any, proof: str) -> None:
    signed_in(browser, alice)
    assert browser.send(REGISTER, "POST", Secure_Session_Response=proof).status_code == 400
    assert not browser.row.is_bound
    assert browser.register().status_code == 200


def test_same_key_again(bound: AnyBrowser) -> None:
    before = bound.row.binding
    assert bound.register().status_code == 409
    assert bound.row.binding == before
    assert bound.visit("/read/").content == SIGNED_IN


def test_second_key(bound: AnyBrowser) -> None:
    response = bound.register(Key())
    assert response.json()["continue"] is False
    assert_ended()


def test_second_key_at_once(browser: AnyBrowser, alice: Any) -> None:
    signed_in(browser, alice)
    thief = thief_of(browser)
    with execute_before("UPDATE", lambda: thief.register()):
        assert browser.register().json()["continue"] is False
    assert_ended()


def test_same_registration_at_once(browser: AnyBrowser, alice: Any) -> None:
    signed_in(browser, alice)
    twin = thief_of(browser)
    twin.key_pair = browser.key_pair
    with execute_before("UPDATE", lambda: twin.register()):
        assert browser.register().status_code == 409
    assert twin.visit("/read/").content == SIGNED_IN


# -- refresh ---------------------------------------------------------------------------------------


def test_refresh(bound: AnyBrowser, wait: Wait) -> None:
    before = bound.cookies["sessionid_bound"].value
    for number in (1, 2, 3):
        wait(LIFETIME - MARGIN)
        bound.lose_cookie()
        assert bound.visit("/read/").content == SIGNED_IN
        assert bound.refreshes == number
    assert bound.cookies["sessionid_bound"].value != before


def test_refresh_in_two_steps(bound: AnyBrowser) -> None:
    bound.challenge = ""
    response = bound.prove()
    assert response.status_code == 403
    identifier = (bound.instructions or {})["session_identifier"]
    challenge = response.headers["Secure-Session-Challenge"]
    assert challenge.endswith(f';id="{identifier}"')
    assert response.headers["Cache-Control"] == "no-store"
    # A copied cookie is enough to ask, and changes nothing for the browser.
    assert thief_of(bound).prove().headers["Secure-Session-Challenge"] == challenge
    assert bound.refresh().status_code == 200


def test_files_need_no_refresh(bound: AnyBrowser) -> None:
    bound.lose_cookie()
    bound.visit("/static/site.css")
    assert bound.refreshes == 0


def test_copied_cookies(bound: AnyBrowser, wait: Wait) -> None:
    thief = thief_of(bound)
    assert thief.send("/read/").content == SIGNED_IN
    wait(LIFETIME + 1)
    response = thief.send("/read/")
    assert response.content == ANONYMOUS
    assert not response.cookies
    bound.lose_cookie()
    assert bound.visit("/read/").content == SIGNED_IN
    assert bound.send("/write/").content == b"alice: 1"


def test_previous_cookie(bound: AnyBrowser, wait: Wait) -> None:
    late = thief_of(bound)
    wait(LIFETIME / 2)
    bound.refresh()
    assert late.send("/read/").content == SIGNED_IN
    wait(LIFETIME / 2 + 1)
    assert late.send("/read/").content == ANONYMOUS
    assert bound.send("/read/").content == SIGNED_IN


def test_cookie_before_the_previous_one(bound: AnyBrowser) -> None:
    late = thief_of(bound)
    bound.refresh()
    bound.refresh()
    assert late.send("/read/").content == ANONYMOUS


@pytest.mark.parametrize("cookie", ["", "x", "ü", "x" * 10_000])
def test_another_cookie(bound: AnyBrowser, cookie: str, wait: Wait) -> None:
    wait(MARGIN + 1)
    bound.cookies["sessionid_bound"] = cookie
    assert bound.send("/read/").content == ANONYMOUS


def test_replayed_proof(bound: AnyBrowser) -> None:
    proof = bound.key_pair.sign(bound.challenge)
    assert bound.prove(proof).status_code == 200
    response = thief_of(bound).prove(proof)
    assert response.status_code == 403
    assert not response.cookies
    assert bound.refresh().status_code == 200


def test_proof_for_another_session(alice: Any, bound: AnyBrowser) -> None:
    other = BoundBrowser().sign_in(alice)
    response = bound.prove(bound.key_pair.sign(other.challenge))
    assert response.status_code == 403
    assert bound.row.is_bound


def test_expired_challenge(bound: AnyBrowser, wait: Wait) -> None:
    before = bound.challenge
    wait(CHALLENGE_LIFETIME + 1)
    response = bound.prove(bound.key_pair.sign(before))
    assert response.status_code == 403
    assert before not in response.headers["Secure-Session-Challenge"]
    assert bound.refresh().status_code == 200


def test_two_refreshes_at_once(bound: AnyBrowser) -> None:
    twin = thief_of(bound)
    twin.key_pair = bound.key_pair
    with execute_before("UPDATE", twin.refresh):
        response = bound.prove(bound.key_pair.sign(bound.challenge))
    assert response.status_code == 403
    assert twin.send("/read/").content == SIGNED_IN


def test_wrong_key(bound: AnyBrowser) -> None:
    thief = thief_of(bound)
    response = thief.prove(thief.key_pair.sign(thief.challenge))
    assert response.json()["continue"] is False
    assert_ended()
    # The owner is told why.
    response = bound.visit("/read/")
    assert response.content == ANONYMOUS
    assert "session_ended" in response.cookies


def test_wrong_key_for_a_binding_that_is_replaced(bound: AnyBrowser) -> None:
    """A session ends only if its binding is still the one that the proof was compared with."""
    other = thief_of(bound)
    row = bound.row
    binding = str(Binding.parse(row.binding)._replace(key=other.key_pair.jwk))

    def replace() -> None:
        Session.objects.filter(pk=row.pk).update(binding=binding)

    with execute_before("INSERT", replace):
        assert other.prove(other.key_pair.sign(other.challenge)).status_code == 200
    assert bound.row.is_bound


@pytest.mark.parametrize("proof", ["nonsense", "a.b.c", "x" * 5000])
def test_refresh_with_nonsense(bound: AnyBrowser, proof: str) -> None:
    assert bound.prove(proof).status_code == 400
    assert bound.refresh().status_code == 200


def test_refresh_with_another_algorithm(bound: AnyBrowser) -> None:
    assert bound.prove(Key(rsa_bits=2048).sign(bound.challenge)).status_code == 400
    assert bound.row.is_bound


def test_refresh_without_identifier(bound: AnyBrowser) -> None:
    response = bound.send(REFRESH, "POST", Secure_Session_Response="x")
    assert response.status_code == 400
    assert bound.row.is_bound


@pytest.mark.parametrize("path", [REGISTER, REFRESH])
@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_other_methods(bound: AnyBrowser, path: str, method: str) -> None:
    response = bound.send(path, method, Sec_Secure_Session_Id="x")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


def test_other_addresses(bound: AnyBrowser) -> None:
    for path in ("/session-binding/", "/session-binding/other", f"{REFRESH}/"):
        assert bound.send(path, "POST", Sec_Secure_Session_Id="x").status_code == 404


# -- sessions that are not there, or not bound -----------------------------------------------------


@pytest.mark.parametrize("path", [REGISTER, REFRESH])
def test_without_a_session(browser: AnyBrowser, path: str) -> None:
    response = browser.send(path, "POST", Sec_Secure_Session_Id="x")
    assert response.json() == {"session_identifier": "x", "continue": False}
    assert not response.cookies


@pytest.mark.parametrize("key", ["unknown-key", "ünknown-key", "x" * 5000])
def test_unknown_session(browser: AnyBrowser, key: str) -> None:
    browser.cookies["sessionid"] = key
    response = browser.send(REFRESH, "POST", Sec_Secure_Session_Id="x")
    # It may have got another key a moment ago: the browser is not to give up.
    assert response.status_code == 204
    assert not response.cookies


def test_cookie_that_is_no_key(browser: AnyBrowser) -> None:
    browser.cookies["sessionid"] = "x"
    assert browser.send(REFRESH, "POST", Sec_Secure_Session_Id="x").status_code == 204


def test_anonymous_session(browser: AnyBrowser) -> None:
    browser.visit("/write/")
    assert browser.send(REFRESH, "POST", Sec_Secure_Session_Id="x").status_code == 204
    assert browser.send("/read/").content == b"anonymous: 1"


def test_session_without_a_key(browser: AnyBrowser, alice: Any) -> None:
    signed_in(browser, alice)
    response = browser.send(REFRESH, "POST", Sec_Secure_Session_Id="x")
    assert response.json()["continue"] is False
    assert browser.visit("/read/").content == SIGNED_IN


def test_earlier_session_of_the_browser(bound: AnyBrowser, alice: Any) -> None:
    earlier = (bound.instructions or {})["session_identifier"]
    bound.visit("/flush/")
    bound.instructions = None
    bound.sign_in(alice)
    assert bound.prove(identifier=earlier).json()["continue"] is False
    assert bound.refresh().status_code == 200


def test_signing_out(bound: AnyBrowser) -> None:
    response = bound.visit("/flush/")
    assert response.cookies["sessionid_bound"].value == ""
    # The next page makes the browser ask, and give up.
    assert bound.visit("/read/").content == ANONYMOUS
    assert bound.refreshes == 1
    assert bound.instructions is None


def test_revoked(bound: AnyBrowser) -> None:
    bound.row.revoke()
    assert bound.send("/read/").content == ANONYMOUS
    assert bound.refresh().json()["continue"] is False


def test_revoked_during_a_refresh(bound: AnyBrowser) -> None:
    with execute_before("UPDATE", bound.row.revoke):
        assert bound.prove(bound.key_pair.sign(bound.challenge)).status_code == 204
    assert not Session.objects.exists()
    assert bound.send("/read/").content == ANONYMOUS


def test_new_key_for_the_session(bound: AnyBrowser) -> None:
    bound.visit("/cycle/")
    assert bound.row.is_bound
    bound.lose_cookie()
    assert bound.visit("/read/").content == SIGNED_IN
    assert bound.refreshes == 1


def test_saved_during_a_refresh(bound: AnyBrowser) -> None:
    other = thief_of(bound)
    with execute_before("UPDATE", lambda: other.send("/write/")):
        assert bound.refresh().status_code == 200
    assert bound.send("/read/").content == b"alice: 1"


def test_save_writes_no_binding(bound: AnyBrowser) -> None:
    store = conf.session_store(bound.key)
    store["count"] = 5
    bound.refresh()
    store.save()
    assert bound.send("/read/").content == b"alice: 5"
    bound.lose_cookie()
    assert bound.visit("/read/").content == b"alice: 5"


def test_save_keeps_the_binding(bound: AnyBrowser, wait: Wait) -> None:
    wait(MARGIN + 1)
    assert bound.send("/write/").content == b"alice: 1"
    bound.lose_cookie()
    assert bound.send("/read/").content == ANONYMOUS


def test_always_overtaken(bound: AnyBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conf.session_store, "bind", lambda *args: False)
    assert bound.refresh().status_code == 204


# -- without a proof -------------------------------------------------------------------------------


@pytest.fixture
def unproven(bound: AnyBrowser, wait: Wait) -> AnyBrowser:
    wait(LIFETIME + 1)
    return bound


def test_row_and_cookie_stay(unproven: AnyBrowser) -> None:
    before = unproven.row.last_activity
    for path in ("/read/", "/aread/"):
        response = unproven.send(path)
        assert response.content == ANONYMOUS
        assert not response.cookies
        assert "Cookie" in response.headers["Vary"]
    assert unproven.row.last_activity == before
    assert unproven.visit("/read/").content == ANONYMOUS
    unproven.lose_cookie()
    assert unproven.visit("/read/").content == SIGNED_IN


def test_no_touch_in_the_cache_either(unproven: AnyBrowser, recording: Any) -> None:
    Session.objects.update(last_activity=unproven.row.last_activity - timedelta(hours=1))
    cache.clear()
    recording.calls.clear()
    unproven.send("/read/")
    assert "add" not in [name for name, *_ in recording.calls]


def test_anonymous_writes_have_their_own_session(unproven: AnyBrowser) -> None:
    before = unproven.key
    assert unproven.send("/write/").content == b"anonymous: 1"
    assert unproven.key != before
    assert Session.objects.count() == 2


def test_sign_in_again(unproven: AnyBrowser, alice: Any) -> None:
    unproven.instructions = None
    unproven.sign_in(alice)
    assert unproven.send("/read/").content == SIGNED_IN
    assert unproven.refresh().status_code == 200


def test_sign_out_without_a_proof(unproven: AnyBrowser) -> None:
    response = unproven.send("/accounts/logout/", "POST")
    assert response.cookies["sessionid"].value == ""
    assert Session.objects.exists()


def test_stores_without_a_request(unproven: AnyBrowser, alice: Any) -> None:
    assert conf.session_store(unproven.key).user_id == alice.pk


def test_refresh_is_no_activity(bound: AnyBrowser, settings: Settings) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    Session.objects.update(last_activity=bound.row.last_activity - timedelta(hours=1))
    cache.clear()
    before = bound.row
    bound.refresh()
    assert bound.row.last_activity == before.last_activity
    assert bound.row.expire_date == before.expire_date
    assert bound.row.binding != before.binding


# -- the setting -----------------------------------------------------------------------------------


def test_off(browser: AnyBrowser, alice: Any, settings: Settings) -> None:
    settings.SESSION_BACKEND_BINDING = "off"
    browser.sign_in(alice)
    assert browser.offer is None
    assert browser.row.binding == ""
    assert browser.send(REFRESH, "POST", Sec_Secure_Session_Id="x").status_code == 404


def test_off_and_on_again(bound: AnyBrowser, wait: Wait, settings: Settings) -> None:
    settings.SESSION_BACKEND_BINDING = "off"
    wait(LIFETIME + 1)
    later = BoundBrowser()
    later.cookies, later.key_pair = bound.cookies, bound.key_pair
    later.instructions, later.challenge = bound.instructions, bound.challenge
    assert later.send("/read/").content == SIGNED_IN
    assert not later.row.is_bound
    settings.SESSION_BACKEND_BINDING = "offer"
    later = BoundBrowser()
    later.cookies, later.key_pair = bound.cookies, bound.key_pair
    later.instructions, later.challenge = bound.instructions, bound.challenge
    assert later.send("/read/").content == ANONYMOUS
    later.lose_cookie()
    assert later.visit("/read/").content == SIGNED_IN


def test_other_browsers(alice: Any, wait: Wait) -> None:
    browser = Browser(LAPTOP)
    assert browser.sign_in(alice).get("/read/").content == SIGNED_IN
    wait(10 * LIFETIME)
    assert browser.get("/read/").content == SIGNED_IN


def test_required(browser: AnyBrowser, alice: Any, wait: Wait, settings: Settings) -> None:
    settings.SESSION_BACKEND_BINDING = "require"
    signed_in(browser, alice)
    assert browser.send("/read/").content == SIGNED_IN
    wait(LIFETIME + 1)
    response = browser.send("/read/")
    assert response.content == ANONYMOUS
    # The person is told why, and nothing is lost for who turns the setting back.
    assert list(response.cookies) == ["session_ended"]
    assert Session.objects.exists()
    settings.SESSION_BACKEND_BINDING = "offer"
    assert browser.send("/read/").content == SIGNED_IN


def test_required_and_bound(bound: AnyBrowser, wait: Wait, settings: Settings) -> None:
    settings.SESSION_BACKEND_BINDING = "require"
    wait(2 * LIFETIME)
    bound.lose_cookie()
    assert bound.visit("/read/").content == SIGNED_IN


def mode_of(user: Any) -> str:
    return {"alice": "require", "bob": "off", "carol": "always"}[user.get_username()]


def test_by_user(alice: Any, wait: Wait, settings: Settings) -> None:
    settings.SESSION_BACKEND_BINDING = f"{__name__}.mode_of"
    assert BoundBrowser().sign_in(alice).row.is_bound
    assert BoundBrowser().sign_in(make_user("bob")).offer is None
    with pytest.raises(ImproperlyConfigured, match="'always'"):
        BoundBrowser().sign_in(make_user("carol"))
    browser = BoundBrowser()
    signed_in(browser, alice)
    wait(LIFETIME + 1)
    assert browser.send("/read/").content == ANONYMOUS


@pytest.mark.parametrize("name", [None, "bob"])
def test_by_user_who_is_not_that_of_the_request(
    alice: Any, settings: Settings, name: str | None
) -> None:
    settings.SESSION_BACKEND_BINDING = f"{__name__}.mode_of"
    store = open_store(meta={**LAPTOP, "HTTP_HOST": "localhost"})
    if name:
        store.request.user = make_user(name)
    store.update(login_data(alice))
    store.save()
    assert json.loads(Session.objects.get().binding)["is_required"] is True
