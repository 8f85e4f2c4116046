"""The tests themselves: they would notice."""

from __future__ import annotations

from tests.browser.visitor import Visitor
from tests.browser.watch import Watch


def test_an_inline_script_is_stopped_and_noticed(laptop: Visitor, watch: Watch) -> None:
    laptop.page.goto("/inline/")
    laptop.until(lambda: len(watch.problems) >= 2, "the console")
    assert laptop.page.title() == "Against the policy"
    assert any("Policy: script-src-elem inline" in text for text in watch.problems)
    watch.seen.clear()


def test_errors_are_noticed(laptop: Visitor, watch: Watch) -> None:
    laptop.page.goto("/")
    laptop.page.evaluate("console.error('Help'); setTimeout(() => { throw new Error('Oh'); })")
    restore = laptop.server_fails("**/host/", 502)
    laptop.page.goto("/host/")
    restore()
    laptop.until(lambda: len(watch.problems) >= 3, "three problems")
    for text in ("console: Help", "Oh", "server: 502"):
        assert any(text in problem for problem in watch.problems), text
    watch.seen.clear()
