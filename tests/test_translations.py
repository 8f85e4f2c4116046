"""Translations: nothing is missing, everything is compiled, and the pages use it.

The catalogues of English are empty on purpose: there the source says it, as in Django's own.
"""

from __future__ import annotations

import gettext
import os
import re
import shutil
from ast import literal_eval
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.utils import timezone, translation

from tests.browsers import Browser, make_user
from tests.session_ui.helpers import LIST, sessions_for, text_of

ROOT = Path(__file__).parent.parent
APPS = ("session_backend", "session_ui")
LANGUAGES = {
    *("ar", "de", "en", "es", "fa", "fr", "he", "it"),
    *("ja", "nl", "pl", "pt_BR", "ru", "tr", "zh_Hans"),
}

FILES = sorted(po for app in APPS for po in (ROOT / app / "locale").rglob("*.po"))
every_file = pytest.mark.parametrize("po", FILES, ids=lambda po: str(po.relative_to(ROOT)))


class Entry(NamedTuple):
    """A message of a catalogue and its translation, or its translations in each plural form."""

    source: str
    plural: str | None
    texts: list[str]
    is_fuzzy: bool


def entries_of(po: Path) -> list[Entry]:
    """Return what a .po file holds, the header first."""
    return [entry_of(block) for block in po.read_text("utf-8").strip().split("\n\n")]


def entry_of(block: str) -> Entry:
    fields: dict[str, str] = {}
    keyword = ""
    for line in block.splitlines():
        if line.startswith("#"):
            continue
        if not line.startswith('"'):
            keyword, line = line.split(" ", 1)
        fields[keyword] = fields.get(keyword, "") + literal_eval(line)
    assert "msgctxt" not in fields, "teach this parser about contexts"
    texts = [text for name, text in fields.items() if name.startswith("msgstr")]
    is_fuzzy = re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE) is not None
    return Entry(fields["msgid"], fields.get("msgid_plural"), texts, is_fuzzy)


def language_of(po: Path) -> str:
    return po.parts[-3]


def placeholders(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\(\w+\)[a-z]|%(?!\()|\{\w*\}", text))


class Plurals(NamedTuple):
    """The plural forms of a language."""

    forms: int
    numbers: dict[int, list[int]]
    """Some of the numbers of each form."""


def plurals_of(po: Path) -> Plurals:
    header = entries_of(po)[0].texts[0]
    rule = re.search(r"^Plural-Forms: nplurals=(\d); plural=(.*);$", header, re.MULTILINE)
    assert rule
    form_of = gettext.c2py(rule[2])
    numbers: dict[int, list[int]] = {}
    for number in [*range(1000), 1_000_000]:
        numbers.setdefault(form_of(number), []).append(number)
    return Plurals(int(rule[1]), numbers)


@pytest.mark.parametrize("app", APPS)
def test_both_apps_speak_the_same_languages(app: str) -> None:
    assert {language_of(po) for po in FILES if po.is_relative_to(ROOT / app)} == LANGUAGES


@every_file
def test_nothing_is_missing(po: Path) -> None:
    header, *entries = entries_of(po)

    assert f"Language: {language_of(po)}\n" in header.texts[0]
    assert not [entry.source for entry in (header, *entries) if entry.is_fuzzy]
    if language_of(po) == "en":
        assert not [entry.source for entry in entries if any(entry.texts)]
    else:
        assert not [entry.source for entry in entries if not all(entry.texts)]


@every_file
def test_every_plural_form_is_there(po: Path) -> None:
    plurals = plurals_of(po)

    assert set(plurals.numbers) <= set(range(plurals.forms))
    for entry in entries_of(po):
        assert len(entry.texts) == (plurals.forms if entry.plural else 1), entry.source


@every_file
def test_placeholders_are_those_of_the_source(po: Path) -> None:
    numbers = plurals_of(po).numbers
    for entry in entries_of(po)[1:]:
        wanted = placeholders(entry.plural or entry.source)
        for form, text in enumerate(filter(None, entry.texts)):
            found = placeholders(text)
            # A form for one number alone may say it in a word, as Arabic has one for "two days".
            if entry.plural and len(numbers.get(form, ())) == 1 and "(count)" not in text:
                found += Counter(name for name in wanted if "(count)" in name)
            assert found == wanted, text


@every_file
def test_the_words_are_text(po: Path) -> None:
    for entry in entries_of(po)[1:]:
        for text in filter(None, entry.texts):
            assert not re.search(r"[<>&\t\n]", text), text
            assert text == text.strip(" "), text


@every_file
def test_it_is_compiled_as_it_stands(po: Path) -> None:
    expected: dict[str | tuple[str, int], str] = {}
    for entry in entries_of(po):
        if entry.plural and all(entry.texts):
            expected |= {(entry.source, form): text for form, text in enumerate(entry.texts)}
        elif all(entry.texts):
            expected[entry.source] = entry.texts[0]

    with po.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    # The only way to see as well what the .mo file has too much.
    assert compiled._catalog == expected  # type: ignore[attr-defined]


@pytest.mark.skipif(
    not shutil.which("xgettext") and "CI" not in os.environ,
    reason="needs the programs of GNU gettext, to look for strings in the sources",
)
@pytest.mark.parametrize("app", APPS)
def test_the_strings_are_those_of_the_sources(
    app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / app
    shutil.copytree(ROOT / app, copy, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copy / "locale").mkdir()
    monkeypatch.chdir(copy)
    call_command("makemessages", locale=["en"], verbosity=0)

    def strings(folder: Path, language: str) -> set[tuple[str, str | None]]:
        po = folder / "locale" / language / "LC_MESSAGES" / "django.po"
        return {(entry.source, entry.plural) for entry in entries_of(po)}

    wanted = strings(copy, "en")
    assert len(wanted) > 20
    for language in LANGUAGES:
        assert strings(ROOT / app, language) == wanted, language


class TestPages:
    @pytest.fixture(autouse=True)
    def _readers_language(self, settings: Any) -> Iterator[None]:
        middleware = list(settings.MIDDLEWARE)
        after = middleware.index("session_backend.middleware.SessionMiddleware") + 1
        middleware.insert(after, "django.middleware.locale.LocaleMiddleware")
        settings.MIDDLEWARE = middleware
        # The middleware leaves the language of the last request behind.
        with translation.override("en"):
            yield

    @staticmethod
    def page(browser: Browser, language: str, address: str = LIST) -> str:
        return text_of(browser.get(address, headers={"Accept-Language": language}))

    @pytest.mark.parametrize(
        ("accepted", "language", "direction", "title"),
        [
            ("ar", "ar", "rtl", "الأماكن التي سجّلت الدخول منها"),
            ("de-AT,de;q=0.9,en;q=0.8", "de", "ltr", "Wo Sie angemeldet sind"),
            ("en", "en", "ltr", "Where you\N{RIGHT SINGLE QUOTATION MARK}re signed in"),
            ("es-MX,es", "es-mx", "ltr", "Dónde ha iniciado sesión"),
            ("fa", "fa", "rtl", "جاهایی که وارد حساب شده‌اید"),
            ("fr", "fr", "ltr", "Où votre compte est connecté"),
            ("he", "he", "rtl", "היכן התחברת לחשבון"),
            ("ja", "ja", "ltr", "ログインしている場所"),
            ("pt-BR", "pt-br", "ltr", "Onde sua conta está conectada"),
            ("zh-CN", "zh-hans", "ltr", "您的登录位置"),
        ],
    )
    def test_the_page_speaks_it(
        self, accepted: str, language: str, direction: str, title: str, alice: Any, laptop: Browser
    ) -> None:
        page = self.page(laptop.sign_in(alice), accepted)

        assert f'<html lang="{language}" dir="{direction}">' in page
        assert f"<title>{title}</title>" in page

    @pytest.mark.parametrize(
        ("language", "minutes", "words"),
        [
            ("ar", 1, "قبل دقيقة واحدة"),
            ("ar", 2, "قبل دقيقتين"),
            ("ar", 3, "قبل 3 دقائق"),
            ("ar", 11, "قبل 11 دقيقة"),
            ("he", 2, "לפני שתי דקות"),
            ("pl", 1, "1 minutę temu"),
            ("pl", 3, "3 minuty temu"),
            ("pl", 5, "5 minut temu"),
            ("pl", 12, "12 minut temu"),
            ("pl", 22, "22 minuty temu"),
            ("ru", 1, "1 минуту назад"),
            ("ru", 3, "3 минуты назад"),
            ("ru", 11, "11 минут назад"),
            ("ru", 21, "21 минуту назад"),
        ],
    )
    def test_it_counts_minutes(
        self, language: str, minutes: int, words: str, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        row = phone.sign_in(alice).row
        row.last_activity = timezone.now() - timedelta(minutes=minutes, seconds=20)
        row.save(update_fields=["last_activity"])

        assert f">{words}</time>" in self.page(laptop.sign_in(alice), language)

    @pytest.mark.parametrize(
        ("language", "count", "words"),
        [
            ("ar", 2, "جلستان"),
            ("ar", 3, "3 جلسات"),
            ("pl", 2, "2 sesje"),
            ("pl", 5, "5 sesji"),
            ("ru", 2, "2 сессии"),
            ("ru", 5, "5 сессий"),
        ],
    )
    def test_it_counts_sessions(
        self, language: str, count: int, words: str, alice: Any, laptop: Browser
    ) -> None:
        sessions_for(alice, count, city="Rome", country="Italy")

        assert f">{words}</span>" in self.page(laptop.sign_in(alice), language)

    def test_a_latin_name_does_not_turn_a_line_round(self, alice: Any, laptop: Browser) -> None:
        # <bdi> takes its direction from the first letter, and would put Windows before Chrome.
        page = self.page(laptop.sign_in(alice), "ar")

        assert '<bdi class="sui-device-name">\N{RIGHT-TO-LEFT MARK}Chrome على Windows</bdi>' in page

    def test_the_admin_speaks_it(self, db: None, laptop: Browser) -> None:
        laptop.sign_in(make_user("root", is_staff=True, is_superuser=True))
        page = self.page(laptop, "de", "/admin/session_backend/session/")

        assert "Sitzungen" in page
        assert "Ausgewählte Sitzungen abmelden" in page
        assert "session" not in re.sub(r"<[^>]*>", "", page).lower()
