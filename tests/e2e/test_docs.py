"""Every block of README.md and docs/*.md is tried: run, validated, or said why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness import jsonc, pages, schemas
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_PTY
from tests.harness.ports import reserved_block
from tests.harness.trying import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.pages import Block

pytestmark = [NEEDS_FORK, NEEDS_PROC, NEEDS_PTY]
"""What the pages show is Linux's: names of processes, and how the port gets to a server."""

RUN = ("sh", "console")
KNOWN = (*RUN, "toml", "json", "jsonc", "yaml", "python", "js", "text")
UNTRIED = 6
"""At most so many blocks are declared as not to be run: each wants a good reason."""
VARYING = frozenset(
    "pid ppid uid inode inodes user cwd exe started_at uptime_seconds seconds time name members"
    " command_line ancestors".split()
)
"""Values that differ from machine to machine and from run to run."""
IN_AN_EVENT = VARYING | {"exit_code"}
"""The code is the server's: a Ctrl-C may come before http.server is there to catch it."""

PAGES = {name: pages.read(name) for name in pages.names()}
BLOCKS = [block for page in PAGES.values() for block in page.blocks]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with reserved_block() as first:
        opened = Stage(str(tmp_path / "ann"), first)
        yield opened
        opened.close()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=f"what {name} says is so")
        for name, page in PAGES.items()
        if page.blocks
    ],
)
def test_blocks_of(name: str, stage: Stage):
    for block in PAGES[name].blocks:
        if not block.untried:
            with stage.given_now:
                attempt(block, stage)


def attempt(block: Block, stage: Stage) -> None:
    match block.language:
        case "sh" | "console":
            stage.run(block)
        case "toml":
            configure(block, stage)
        case "json":
            answers(block, stage)
        case _:
            jsonc_is_read(block)


def configure(block: Block, stage: Stage) -> None:
    """Take a configuration over, for the blocks below it too; it has to be valid."""
    name = "pyproject.toml" if "[tool.devports" in block.text else "devports.toml"
    stage.write(name, block.text)
    done = stage.quietly(f"devports validate --config {name}")
    assert done.returncode == 0, f"{block}: {done.stdout}"


def answers(block: Block, stage: Stage) -> None:
    """Check documents against the schema that is shipped, and with what a command says now."""
    shown = [json.loads(line) for line in documents(block.text)]
    for document in shown:
        schemas.fits("event" if "event" in document else "result", document)
    for command in block.noted("output"):
        for what in block.noted("given"):
            stage.given(what)
        said = stage.there(stage.quietly(stage.here(command)).stdout)
        actual = [json.loads(line) for line in documents(said)]
        assert steady(shown) == steady(actual), f"{block}: {command} says {said}"


def documents(text: str) -> list[str]:
    """Return the documents of a block: one, or one a line."""
    return text.splitlines() if "}\n{" in text else [text]


def steady(value: Any) -> Any:
    """Return a document without the values that differ."""
    if isinstance(value, dict):
        varying = IN_AN_EVENT if "event" in value else VARYING
        return {key: None if key in varying else steady(each) for key, each in value.items()}
    return [steady(each) for each in value] if isinstance(value, list) else value


def jsonc_is_read(block: Block) -> None:
    """Read JSON with comments, where a line `...` stands for what is left out."""
    if block.language == "jsonc":
        lines = [line for line in block.text.splitlines() if line.strip(" ,") != "..."]
        jsonc.read("\n".join(lines))


def test_every_block_says_what_it_is():
    strange = [f"{block}: {block.language!r}" for block in BLOCKS if block.language not in KNOWN]
    assert not strange


def test_hardly_a_block_is_left_out():
    left_out = {str(block): block.untried for block in BLOCKS if block.untried}
    assert len(left_out) <= UNTRIED, left_out
    assert all(len(reason.split()) > 3 for reason in left_out.values()), left_out


def test_what_is_noted_is_known():
    known = {"given", "exit", "terminal", "at", "until", "stays", "output"}
    strange = {str(b): key for b in BLOCKS for key, _ in b.tries if key not in known}
    assert not strange


@pytest.mark.parametrize(
    "name",
    [pytest.param("run-command", id="the command that runs it"),
     pytest.param("test-command", id="the command that tests it")],
)  # fmt: skip
def test_the_readme_has(name: str):
    text = (pages.ROOT / "README.md").read_text(encoding="utf-8")
    after = text.split(f"<!-- {name} -->\n", 1)[1]
    assert after.splitlines()[0] == "```sh", "what reads the command looks for a block below"
