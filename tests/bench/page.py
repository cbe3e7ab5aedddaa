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

Everything on this page is written by one command, so that it can be measured again:

<!-- not tried: it measures for ten minutes -->
```sh
python -m tests.bench --docs
```

What is compared runs side by side, in turn: A B C, A B C. A machine that is busy with something
else slows a whole round down, so **the ratio within a round is the result** and milliseconds are
there for scale. Where nothing else is said, the ratio is to the first row. devports is measured as
it is installed: a wheel, in an environment of its own, by the newest pip. Nothing here passes or
fails.

Where a table compares tools, they do not all see the same: `lsof`, `fuser`, `ss` and psutil show
nothing of a socket that is bound and does not listen, which stops a server from starting all the
same; and of the tools only devports tries the bind.
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
