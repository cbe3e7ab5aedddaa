"""What the pages say of codes, verdicts, events and wordings is what the code knows."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from devports.commands.check import code_for
from devports.core.bind_errors import match_bind_failure
from devports.core.handoff import SOCKET_ADAPTERS
from devports.core.model import Endpoint, HolderSearch
from devports.core.recovery import GIVEN_UP
from devports.core.verdict import (
    EVERY,
    Finding,
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
    Unconfirmed,
    code_of,
)
from tests.harness import pages
from tests.tools import schemas
from tests.tools.pages import PART, SECTIONS, made

if TYPE_CHECKING:
    from devports.core.verdict import Verdict

DOCS = pages.ROOT / "docs"
SAYS_SO = {
    "#address-already-in-use": True,
    "#a-server-is-already-running": False,
    "#server-on-another-port": True,
    "#two-servers-behind-localhost": True,
    "#port-in-use-by-a-container": True,
    "#permission-denied": True,
    "#cannot-assign-requested-address": False,
    "#exited-server-that-printed-listening": False,
}
"""Whether the texts of each part of docs/errors.md say that a bind failed."""
OF_A_FILE_TOO = "PermissionError: [Errno 13] Permission denied"


def cells(page: str, heading: str = "") -> list[list[str]]:
    """Return the rows of the first table of a page, or of that below a heading."""
    text = (DOCS / page).read_text(encoding="utf-8")
    text = text.split(f"{heading}\n", 1)[1] if heading else text
    table = text[text.index("|") :].split("\n\n")[0]
    rows = [line for line in table.splitlines()[2:] if line.startswith("|")]
    return [[c.strip() for c in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@pytest.mark.parametrize("page", [pytest.param(p, id=p.name) for p in sorted(DOCS.glob("*.md"))])
def test_what_is_made_is_what_the_code_gives(page: Path):
    text = page.read_text(encoding="utf-8")
    assert text == made(text), "run tests/tools/pages.py"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in schemas.GENERATED])
def test_a_shipped_schema_is_what_the_code_gives(path: Path):
    shape = schemas.GENERATED[path]()
    assert path.read_bytes() == schemas.as_text(shape).encode(), "run tests/tools/schemas.py"


def test_every_made_part_has_its_place():
    found = [
        name
        for page in DOCS.glob("*.md")
        for _, name, _ in PART.findall(page.read_text(encoding="utf-8"))
    ]
    assert sorted(found) == sorted(SECTIONS)


def test_the_table_of_exit_codes_is_the_contract():
    source = Path(exitcodes.__file__).read_text(encoding="utf-8")
    body = ast.parse(source).body
    meanings = {
        str(given.value.value): str(said.value.value)
        for given, said in itertools.pairwise(body)
        if isinstance(given, ast.Assign) and isinstance(given.value, ast.Constant)
        and isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)
    }  # fmt: skip
    shown = {code: meaning for code, meaning, _ in cells("exit-codes.md")}
    assert shown.pop("128+n").startswith("Ended by signal n, always as a number")
    assert shown == meanings


def test_every_verdict_is_explained_with_the_exit_code_of_check():
    verdicts: list[Verdict] = [
        *(
            Free(),
            Unconfirmed(()),
            LingeringConnections((), blocking=False),
            LingeringConnections((), blocking=True),
        ),
        *(
            LocalhostConflict(()),
            Held(()),
            OutgoingConnection(()),
            HolderUnknown(),
            NotPermitted(),
            NotLocal(),
        ),
    ]
    found = [Finding(Endpoint("127.0.0.1", 8000), verdict, HolderSearch()) for verdict in verdicts]
    found.insert(-2, Finding(Endpoint("127.0.0.1", 80), NotPermitted(), HolderSearch()))
    expected = [(code_of(finding), code_for([finding])) for finding in found]
    shown = [(row[0].strip("`"), int(row[3].split(",")[0])) for row in cells("how-it-works.md")]
    assert shown == expected
    assert {code for code, _ in shown} == set(EVERY)


def test_every_server_that_takes_a_socket_is_named():
    rows = {row[0].strip("`"): row[1] for row in cells("how-it-works.md", "chooses another one.\n")}
    assert all(server in rows["fd"] for server in SOCKET_ADAPTERS)


@pytest.mark.parametrize(
    ("text", "place"),
    [pytest.param(row[0].strip("`"), row[2], id=row[0].strip("`")) for row in cells("errors.md")],
)
def test_a_text_leads_to_what_it_means(text: str, place: str):
    ports = [int(number) for number in re.findall(r"\d{2,5}", text)]
    found = match_bind_failure(text, ports)
    (anchor, *_) = re.findall(r"\((#[^)]+)\)", place)
    assert (found is not None) is (SAYS_SO[anchor] and text != OF_A_FILE_TOO)


def test_reasons_of_a_failed_start_are_those_of_the_machine():
    text = (DOCS / "errors.md").read_text(encoding="utf-8").split("<!-- end -->", 1)[1]
    shown = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", text, re.MULTILINE))
    assert shown == {reason: str(code) for reason, code in GIVEN_UP.items()}
