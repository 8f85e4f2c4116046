"""The looks of the site: its own, and one for each CSS framework that has been downloaded.

``manage.py looks`` downloads the frameworks. Visitors choose a look at the foot of any page.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from django.conf import settings

__all__ = ["LOOKS", "OWN", "Look", "available", "choose", "current", "current_pack"]


class Look(NamedTuple):
    """A CSS framework, and its class names for what this site has besides the list."""

    name: str
    label: str
    pack: str = "plain"
    """The pack of session_ui for the framework."""
    packages: dict[str, dict[str, str]] = {}
    """The npm packages: for each one the files to take, and their names here."""
    scripts: tuple[str, ...] = ()
    card: str = ""
    button: str = ""
    quiet: str = ""
    notice: str = ""
    input: str = ""

    @property
    def files(self) -> list[str]:
        """The stylesheets, in order."""
        return [file for package in self.packages.values() for file in package.values()]

    @property
    def is_here(self) -> bool:
        """Whether all stylesheets have been downloaded."""
        return all((settings.LOOKS_DIR / file).is_file() for file in self.files)

    @property
    def stylesheets(self) -> list[str]:
        """The static files that the page loads."""
        framework = [f"looks/{file}" for file in self.files]
        own = [] if framework else ["fernbank/site.css"]
        return [*framework, "fernbank/layout.css", *own]


OWN = Look("fernbank", "Fernbank")
LOOKS = [
    OWN,
    Look(
        "bootstrap",
        "Bootstrap",
        pack="bootstrap5",
        packages={"bootstrap@5": {"dist/css/bootstrap.min.css": "bootstrap.css"}},
        scripts=("fernbank/scheme.js",),
        card="card card-body",
        button="btn btn-primary",
        quiet="btn btn-sm btn-outline-secondary text-reset",
        notice="alert alert-success",
        input="form-control",
    ),
    Look(
        "tailwind",
        "Tailwind, daisyUI",
        pack="tailwind",
        packages={
            "tailwindcss@4": {"preflight.css": "preflight.css"},
            "daisyui@5": {"daisyui.css": "daisyui.css", "themes.css": "daisyui-themes.css"},
        },
        scripts=("fernbank/scheme.js",),
        card="card card-border card-body",
        button="btn btn-primary",
        quiet="btn btn-sm",
        notice="alert",
        input="input",
    ),
    Look(
        "pico",
        "Pico",
        packages={"@picocss/pico@2": {"css/pico.min.css": "pico.css"}},
        button="contrast",
        quiet="outline contrast",
    ),
    Look(
        "bulma",
        "Bulma",
        packages={"bulma@1": {"css/bulma.min.css": "bulma.css"}},
        card="box",
        button="button is-dark",
        quiet="button is-small",
        notice="notification",
        input="input",
    ),
]

_current: ContextVar[Look] = ContextVar("look", default=OWN)


def available() -> list[Look]:
    """Return the looks whose stylesheets have been downloaded, and the site's own."""
    return [look for look in LOOKS if look.is_here]


def choose(name: str | None) -> None:
    """Use the look of that name, or the site's own, for the rest of this request."""
    _current.set(next((look for look in available() if look.name == name), OWN))


def current() -> Look:
    """Return the look of this request."""
    return _current.get()


def current_pack() -> str:
    """Return the pack for this request, for ``SESSION_UI_PACK``."""
    return current().pack
