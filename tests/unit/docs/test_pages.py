"""Links lead somewhere, and every command and option that the pages name exists."""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from devports.arguments import COMMANDS, build_parser
from devports.errors import DevportsError
from tests.harness import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = {name: pages.read(name) for name in [*pages.names(), "CONTRIBUTING.md", "CHANGELOG.md"]}
SHELL = {"|", ">", "&&", ";", "<"}
WHOLE = re.compile(r"devports [a-z]+ ")
"""A command with words behind it: alone, it is the name of the command in a sentence."""
OPEN = re.compile(r"[\[\]|<>&$]|[A-Z]{2}|\.\.\.")
HOOK = re.compile(r"^\s*- id: (\S+)", re.MULTILINE)


def options() -> dict[str, set[str]]:
    """Return the options of each command."""
    (commands,) = [a for a in build_parser()._actions if a.dest == "command"]
    assert isinstance(commands.choices, dict)
    return {
        name: {word for action in parser._actions for word in action.option_strings}
        for name, parser in commands.choices.items()
    }


OPTIONS = options()
EVERY = [pytest.param(name, id=name) for name in PAGES]


@pytest.mark.parametrize("name", EVERY)
def test_links_of(name: str):
    assert not list(broken_links(name))


@pytest.mark.parametrize("name", EVERY)
def test_no_table_repeats_a_row(name: str):
    blocks = (pages.ROOT / name).read_text(encoding="utf-8").split("\n\n")
    tables = [block.splitlines() for block in blocks if block.startswith("|")]
    assert [row for rows in tables for row in rows if rows.count(row) > 1] == []


def broken_links(name: str) -> Iterator[str]:
    """Yield the links of a page that lead nowhere; the network is not asked."""
    for line, link in PAGES[name].links:
        path, _, anchor = link.partition("#")
        if link.startswith(("https://", "http://")):
            continue
        target = (pages.ROOT / name).parent / path if path else pages.ROOT / name
        if not target.exists():
            yield f"{name}, line {line}: there is no {path}"
        elif (
            anchor
            and anchor not in pages.read(str(target.resolve().relative_to(pages.ROOT))).anchors
        ):
            yield f"{name}, line {line}: no heading of {path} is #{anchor}"


def test_every_page_can_be_reached_from_the_readme():
    reached: set[str] = set()
    to_read = ["README.md"]
    while to_read:
        name = to_read.pop()
        reached.add(name)
        folder = posixpath.dirname(name)
        linked = {link.partition("#")[0] for _, link in pages.read(name).links}
        found = {posixpath.normpath(posixpath.join(folder, link)) for link in linked if link}
        to_read += sorted((found & set(pages.names())) - reached)
    assert set(pages.names()) == reached


@pytest.mark.parametrize("name", EVERY)
def test_commands_of(name: str):
    assert not list(unknown_commands(name))


def unknown_commands(name: str) -> Iterator[str]:
    """Yield what the prose writes as a command of devports and the program does not know."""
    for line, span in PAGES[name].spans:
        words = span.split()
        if words[:1] == ["devports"] and len(words) > 1 and words[1] not in (":", "--version"):
            yield from (f"{name}, line {line}: {why}" for why in strange(words[1:], span))


def strange(words: list[str], span: str) -> Iterator[str]:
    command = words[0]
    if command.startswith(("-", ".", "<")) or not command.isalpha():
        return
    if command not in COMMANDS:
        yield f"unknown command `{command}` in `{span}`"
        return
    known = OPTIONS[command]
    ours = words[: words.index("--")] if "--" in words else words
    for word in ours[1:]:
        option = word.strip("[]").partition("=")[0]
        if word in SHELL:
            return
        if option.strip("-") and option.startswith("-") and option not in known:
            yield f"`devports {command}` has no {option}"


@pytest.mark.parametrize("name", EVERY)
def test_options_in_the_row_of_a_command(name: str):
    """A row of a table that begins with a command speaks of the options of that command."""
    for line, text in PAGES[name].prose:
        if row := re.match(r"\| `devports (\w+)", text):
            named = set(re.findall(r"`(--[a-z-]+)", text))
            assert named <= OPTIONS[row[1]], f"{name}, line {line}"


@pytest.mark.parametrize("name", EVERY)
def test_whole_commands_are_accepted(name: str):
    """A command without placeholders is one that can be typed."""
    parser = build_parser()
    for line, span in PAGES[name].spans:
        words = shlex.split(span)[1:] if WHOLE.match(span) and not OPEN.search(span) else []
        try:
            parser.parse_args(words[: words.index("--")] if "--" in words else words)
        except DevportsError as error:
            pytest.fail(f"{name}, line {line}: {span}: {error}")
        except SystemExit:  # --help
            continue


def test_hooks_that_pages_show_are_shipped():
    shipped = set(HOOK.findall((pages.ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")))
    blocks = [block for page in PAGES.values() for block in page.blocks if block.language == "yaml"]
    shown = {hook for block in blocks for hook in HOOK.findall(block.text)}
    assert shown == shipped
