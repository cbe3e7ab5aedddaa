"""The page of the docs that shows what was measured: an introduction, and what the parts found."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING

import psutil

from tests.bench.wheel import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    parts = [INTRODUCTION.rstrip(), machine(), *map(block, sections)]
    return "\n\n".join(parts) + "\n"


def block(section: Section) -> str:
    images = [f"![{section.title}](images/{name})" for name in section.pictures]
    return "\n\n".join([f"## {section.title}", *images, section.text])


def updated(page: str, sections: Sequence[Section]) -> str:
    """Return a page with these sections in place of older ones; new ones follow their neighbour."""
    head, *old = page.rstrip("\n").split("\n\n## ")
    blocks = {each.partition("\n")[0]: f"## {each}" for each in old}
    before = ""
    for section in sections:
        if section.title not in blocks:
            names = list(blocks)
            at = names.index(before) + 1 if before else len(names)
            items = list(blocks.items())
            blocks = dict([*items[:at], (section.title, ""), *items[at:]])
        blocks[section.title], before = block(section), section.title
    return "\n\n".join([head, *blocks.values()]) + "\n"


def write(sections: Sequence[Section], *, whole: bool) -> None:
    """Write page and pictures into the docs; sections that are not given stay, unless `whole`."""
    for section in sections:
        for name, picture in section.pictures.items():
            with open(os.path.join(IMAGES, name), "w", encoding="utf-8") as file:
                file.write(picture)
    with open(PAGE, encoding="utf-8") as file:
        before = file.read()
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text(sections) if whole else updated(before, sections))
