"""Which Chromium the browser tests drive."""

import os
import shutil

# The headless shell is twice as fast, because it has no windows, extensions or services.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Find Chromium by the rules of tools/browser.sh; None stands for the one that Playwright downloads."""
    override = os.environ.get("HOLDFAST_CHROMIUM")
    if override:
        return override
    return next(filter(None, map(shutil.which, NAMES)), None)
