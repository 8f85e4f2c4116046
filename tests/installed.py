"""Use an installed distribution: sign a user in and read their list.

`test_packaging.py` copies the tests out of the checkout and runs this there. The arguments are the
static files that must be found; it prints the folder that `session_ui` was imported from.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.contrib.staticfiles import finders
    from django.core.management import call_command

    import session_backend
    import session_ui
    from tests.browsers import LAPTOP, Browser, make_user

    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("check", fail_level="ERROR", stdout=sys.stderr)

    page = Browser(LAPTOP).sign_in(make_user()).get("/account/sessions/").content.decode()
    assert 'id="session-list"' in page, page
    assert "Chrome on Windows" in page, page

    for static in sys.argv[1:]:
        assert finders.find(static), static
    for app in (session_backend, session_ui):
        assert app.__file__ is not None
        assert Path(app.__file__).with_name("py.typed").exists(), app
    print(Path(session_ui.__file__ or "").parent)


if __name__ == "__main__":
    main()
