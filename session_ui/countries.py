"""Names of countries in the reader's language, where Babel is installed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module

from django.utils.translation import get_language, to_locale

from session_backend.locations import Place

__all__ = ["in_words_of_the_reader"]


def in_words_of_the_reader(place: Place) -> Place:
    """Return the place with its country in the active language; as it is where none is known.

    GeoIP databases have English names, and those stay for a reader of English.
    """
    language = get_language() or "en"
    if not place.country_code or language.split("-")[0] == "en":
        return place
    country = territories(to_locale(language)).get(place.country_code, place.country)
    return place._replace(country=country)


@lru_cache(maxsize=64)
def territories(locale: str) -> Mapping[str, str]:
    """Return the names of countries by their code (ISO 3166-1), from CLDR through Babel."""
    try:
        babel = import_module("babel")
    except ImportError:
        return {}
    try:
        names: Mapping[str, str] = babel.Locale.parse(locale).territories
    except (ValueError, babel.UnknownLocaleError):
        return {}
    return names
