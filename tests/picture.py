"""The picture of the README, made from the program itself, into docs/run.svg.

    unshare --fork --pid --mount-proc sh -c \
        'echo 4240 >/proc/sys/kernel/ns_last_pid; exec .venv/bin/python -m tests.picture'

The pid namespace keeps this machine's own processes off it. Inside, a holder is started and
`devports run backend` on a real terminal; what is drawn is the question, and below it what comes
when it has been answered, up to the line that the server is ready.
"""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console
from rich.text import Text

from tests.harness import tables
from tests.harness.command import clean_environment, installed
from tests.harness.terminal import Terminal
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    import pyte

    Line: TypeAlias = list[pyte.screens.Char]

TARGET = Path(__file__).parents[1] / "docs" / "run.svg"
PORT, ROWS, COLUMNS = 8000, 24, 96
CONFIG = """
[services.backend]
command = "python3 -m http.server {port} --bind {host}"
port = 8000
"""


def shot() -> Text:
    """Return what the terminal shows."""
    with tempfile.TemporaryDirectory() as home:
        shop, old = Path(home, "shop"), Path(home, "elsewhere")
        shop.mkdir()
        old.mkdir()
        (shop / "devports.toml").write_text(CONFIG, encoding="utf-8")
        words, env = ["python3", "-m", "http.server", str(PORT)], clean_environment(home)
        env["PATH"] = "/usr/bin:/bin"  # no shims of version managers on the screen
        quiet = subprocess.DEVNULL
        with subprocess.Popen(words, cwd=old, env=env, stdout=quiet, stderr=quiet) as holder:
            eventually(lambda: tables.listening_pids(PORT))
            argv = [*installed(), "run", "backend"]
            terminal = Terminal(argv, cwd=str(shop), env=env, size=(ROWS, COLUMNS))
            try:
                terminal.point("y")
                asked = terminal.cells()
                terminal.send("\r")
                terminal.expect("is ready on")
                return drawn([*asked, *after_the_question(terminal.cells())])
            finally:
                terminal.ctrl_c()
                terminal.exit_code()
                terminal.close()
                holder.terminate()


def after_the_question(lines: list[Line]) -> list[Line]:
    """Return what came when the list had been answered, which then was one line."""
    starts = ["".join(cell.data for cell in line).startswith("? ") for line in lines]
    return lines[starts.index(True) + 1 :]


def drawn(lines: list[Line]) -> Text:
    """Return lines of a screen in their colours."""
    text = Text("$ devports run backend\n", "bold")
    for line in lines:
        for cell in line:
            colour = "" if cell.fg == "default" else cell.fg.replace("brown", "yellow")
            text.append(cell.data, " ".join([*(["bold"] * cell.bold), colour]).strip())
        text.rstrip()
        text.append("\n")
    text.rstrip()
    return text


def picture(text: Text) -> str:
    """Return the picture of a text."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(text)
    drawing = console.export_svg(title="devports")
    # The fonts of whoever looks: a picture should load nothing from elsewhere.
    return re.sub(r"@font-face \{.*?\}", "", drawing, flags=re.DOTALL)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(picture(shot()), encoding="utf-8")
