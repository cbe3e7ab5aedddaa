"""The page of the docs that shows what was measured: an introduction, and what the parts found."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING

import psutil

from tests.bench.wheel import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.bench.pairs import Section

PAGE = os.path.join(ROOT, "docs", "speed.md")
IMAGES = os.path.join(ROOT, "docs", "images")
INTRODUCTION = """\
# How fast devports is

One command writes everything on this page, so that the measurements can be repeated:

<!-- not tried: it measures for ten minutes -->
```sh
python -m tests.bench --docs
```

The candidates run in turn: A B C, A B C. Other load on the machine slows a whole round down, so
**the ratio within a round is the result**, and milliseconds show the scale. If not stated
otherwise, the ratio is to the first row. devports is measured as it is installed: a wheel, in its
own environment, by the newest pip. Nothing here passes or fails.

The tools in a table do not all see the same: `lsof`, `fuser`, `ss` and psutil do not show a socket
that is bound and not listening, although it can make a server fail; and of these tools only
devports tries the bind.
"""


def machine() -> str:
    cores, memory = os.cpu_count(), psutil.virtual_memory().total / (1 << 30)
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return (
        f"Measured on {time.strftime('%Y-%m-%d')} with {system}, "
        f"{cores} cores, {memory:.0f} GiB, Python {platform.python_version()}."
    )


def text(sections: Iterable[Section]) -> str:
    parts = [INTRODUCTION.rstrip(), machine()]
    for section in sections:
        parts.append(f"## {section.title}")
        parts += [f"![{section.title}](images/{name})" for name in section.pictures]
        parts.append(section.text)
    return "\n\n".join(parts) + "\n"


def write(sections: list[Section]) -> None:
    """Write page and pictures into the docs."""
    for section in sections:
        for name, picture in section.pictures.items():
            with open(os.path.join(IMAGES, name), "w", encoding="utf-8") as file:
                file.write(picture)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text(sections))
