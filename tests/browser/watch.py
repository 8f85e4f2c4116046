"""What a browser reports of a page that is not as it should be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Response, WebError

__all__ = ["FAILURES", "Watch"]

# A violation of the policy is an error in Chromium's console too, but not where the page's own
# policy only hears of it: the event is the certain one.
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  const { effectiveDirective, blockedURI, sourceFile, lineNumber } = event;
  console.error(`Policy: ${effectiveDirective} ${blockedURI} ${sourceFile}:${lineNumber}`);
});
"""

# htmx's word for a poll that a click has replaced, which is what hx-sync asks for.
REPLACED = [r"htmx:afterRequest, \[object HTMLElement\]", r"htmx:sendAbort", r"AbortError"]
# Chromium's and htmx's words for answers that a test makes fail.
FAILURES = r"Failed to load resource|server: 50\d|htmx:(send|response|error)|Response Status"


class Watch:
    """Collects errors: in the console, of scripts, against the policy, and of the server."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.expected = [*REPLACED]

    def over(self, context: BrowserContext) -> None:
        """Watch every page of a browser."""
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("response", self._on_response)

    def expect(self, pattern: str) -> None:
        """Let an error pass that the test brings about by itself."""
        self.expected.append(pattern)

    @property
    def problems(self) -> list[str]:
        """What was seen and not expected."""
        return [text for text in self.seen if not any(re.search(p, text) for p in self.expected)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"console: {message.text} ({message.location['url']})")

    def _on_error(self, error: WebError) -> None:
        self.seen.append(f"script: {error.error}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 500:
            self.seen.append(f"server: {response.status} {response.url}")
