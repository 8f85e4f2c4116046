"""The version of a list, by which a poll can tell whether the one on the page is still right."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.crypto import salted_hmac

__all__ = ["Version", "fingerprint"]


class Version(NamedTuple):
    """What the page keeps of the list that it shows, and sends with every poll."""

    shown: str
    """A fingerprint of all that the list shows, its times in words included."""
    state: str
    """A fingerprint of what one short query tells of the sessions."""
    until: int
    """While the state is the same the list is, up to this time, in seconds since the epoch.

    0 where more than the sessions decides what the list shows.
    """

    def __str__(self) -> str:
        return f"{self.shown}_{self.state}_{self.until}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """Return the version that a request names; one that no list has for anything else."""
        match text.split("_"):
            case [shown, state, until] if until.isdecimal() and len(until) < 16:
                return cls(shown, state, int(until))
        return cls("", "", 0)


def fingerprint(*parts: object) -> str:
    """Return a few letters that stand for these values."""
    text = "\x1f".join(map(str, parts))
    return salted_hmac("session_ui.version", text, algorithm="sha256").hexdigest()[:32]
