"""The report of a bug: versions, platform and traceback, as markdown."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback

from devports import __version__


def write(error: BaseException) -> str:
    """Write the report to a new file that only this user can read; return its path."""
    text = "\n".join(
        (
            "### devports report",
            "",
            f"- devports {__version__}",
            f"- {platform.python_implementation()} {platform.python_version()}",
            f"- {platform.platform()}",
            "",
            "```text",
            "".join(traceback.format_exception(error)).rstrip(),
            "```",
            "",
        )
    )
    try:
        descriptor, path = tempfile.mkstemp(prefix="devports-report-", suffix=".md")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return "(could not be written)"
    return path
