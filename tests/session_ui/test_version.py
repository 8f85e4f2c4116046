from __future__ import annotations

import pytest

from session_ui.version import Version, fingerprint


def test_a_version_is_text_and_back() -> None:
    version = Version("a1", "b2", 1800000000)
    assert str(version) == "a1_b2_1800000000"
    assert Version.parse(str(version)) == version


@pytest.mark.parametrize(
    "text", ["", "x", "a_b", "a_b_c", "a_b_-1", "a_b_1.5", "a_b_1_2", f"a_b_{'9' * 5000}", "_" * 9]
)
def test_nonsense_is_the_version_of_no_list(text: str) -> None:
    assert Version.parse(text) == Version("", "", 0)


def test_a_fingerprint_tells_values_apart() -> None:
    prints = {fingerprint(), fingerprint(1), fingerprint(None), fingerprint(1, 2), fingerprint(12)}
    assert len(prints) == 5
    assert fingerprint(1, "x") == fingerprint(1, "x")
    assert all(len(text) == 32 and text.isalnum() for text in prints)
