"""What is found in the projects that the frameworks' own generators make."""

from __future__ import annotations

from pathlib import Path

import pytest

from devports.config.load import read_text
from devports.detect.model import File, Tree
from devports.detect.services import detect, wanted
from devports.detect.toml_writer import document

HERE = Path(__file__).parents[2] / "recorded" / "skeletons"
ENV = 'env = { PORT = "{port}" }'
EXPECTED = {
    "angular-app": ("web", 4200, "npm run start -- --host {host} --port {port}", ""),
    "astro-app": ("web", 4321, "npm run dev -- --host {host} --port {port}", ""),
    "django-app": ("backend", 8000, "python3 manage.py runserver {host}:{port}", ""),
    "express-app": ("backend", 3000, "npm run start", ENV),
    "fastapi-app": (
        *("backend", 8000),
        *("uv run uvicorn main:app --reload --host {host} --port {port}", ""),
    ),
    "flask-app": (
        *("backend", 5000, "flask --app app run --debug --host {host} --port {port}", ""),
    ),
    "nest-app": ("backend", 3000, "npm run start:dev", ENV),
    "next-app": ("web", 3000, "npm run dev -- --hostname {host} --port {port}", ""),
    "nodemon-app": ("backend", 4000, "npm run dev", ENV),
    "nuxt-app": ("web", 3000, "npm run dev -- --host {host} --port {port}", ""),
    "procfile-app": ("web", 8000, "uvicorn main:app --host {host} --port {port}", ""),
    "react-app": ("web", 5173, "npm run dev -- --host {host} --port {port} --strictPort", ""),
    "streamlit-app": (
        *("web", 8501, "streamlit run streamlit_app.py --server.address {host} "),
        "",
    ),
    "svelte-app": ("web", 5173, "npm run dev -- --host {host} --port {port} --strictPort", ""),
    "vite-app": ("web", 5173, "npm run dev -- --host {host} --port {port} --strictPort", ""),
}


def tree_of(folder: Path) -> Tree:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    files = tuple(
        File(n, path.read_text("utf-8")) for n, path in named.items() if wanted(path.name)
    )
    return Tree(files, frozenset(named))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_one_service_of_a_skeleton(name: str) -> None:
    service, port, command, more = EXPECTED[name]
    (found,) = detect(tree_of(HERE / name)).services
    assert (found.name, found.port) == (service, port)
    assert found.command.startswith(command)
    assert found.sources[0].line
    assert more in document((found,))


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_written_for_it_is_a_configuration(name: str) -> None:
    text = document(detect(tree_of(HERE / name)).services)
    config = read_text(text, "/srv/shop/devports.toml", "devports.toml")
    assert [service.port for service in config.services] == [EXPECTED[name][1]]


def test_every_skeleton_is_expected() -> None:
    assert sorted(EXPECTED) == sorted(path.name for path in HERE.iterdir() if path.is_dir())


def test_all_of_them_in_one_folder_live_together() -> None:
    """A monorepo of fifteen frameworks: a name and a port for each of them."""
    found = detect(tree_of(HERE)).services
    assert len(found) == len(EXPECTED)
    assert len({each.port for each in found}) == len(found)
    assert {each.name for each in found} >= {"next-app", "vite-app", "django-app"}
    config = read_text(document(found), "/srv/shop/devports.toml", "devports.toml")
    assert len(config.services) == len(found)
