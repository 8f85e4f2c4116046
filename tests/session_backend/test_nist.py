from __future__ import annotations

import subprocess
import sys

from session_backend.nist import AAL1, AAL2, AAL3

MINUTE, HOUR, DAY = 60, 3600, 86_400


def test_the_figures_of_the_standard() -> None:
    assert AAL1 == (None, 30 * DAY)
    assert AAL2 == (HOUR, 24 * HOUR)
    assert AAL3 == (15 * MINUTE, 12 * HOUR)


def test_a_settings_file_can_import_it() -> None:
    code = "import sys, session_backend.nist; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
