"""Applications in Python files, manage.py, Streamlit."""

from __future__ import annotations

import pytest

from devports.detect.python import App, app_in
from tests.unit.detect.making import only, services

FASTAPI = "from fastapi import FastAPI\n\napp = FastAPI()\n"
FLASK = "from flask import Flask\n\napp = Flask(__name__)\n"
UVICORN = " --reload --host {host} --port {port}"

APPS = [
    ("app = FastAPI()", App("app", "FastAPI", 1), "FastAPI"),
    ("api = fastapi.FastAPI(title='x')", App("api", "FastAPI", 1), "by its module"),
    ("x = 1\napp: Starlette = Starlette()", App("app", "Starlette", 2), "with its type"),
    ("app: Flask\napp = Flask(__name__)", App("app", "Flask", 2), "declared before"),
    ("admin = Flask('a')\napp = Flask('b')", App("app", "Flask", 2), "the usual name of two"),
    ("a = Quart(1)\nb = Quart(2)", App("a", "Quart", 1), "the first of two"),
    (
        *("def create_app():\n    app = Flask('x')\n    return app",),
        *(App("create_app", "Flask", 1, factory=True), "a factory"),
    ),
    ("def create_app():\n    return Flask\nX = 'Flask('", None, "a factory of something else"),
    ("def make():\n    return FastAPI()", None, "a function of another name"),
    ("x.app = FastAPI()", None, "no name that can be imported"),
    ("'''\napp = FastAPI()\n'''", None, "an example in a docstring"),
    ("# app = FastAPI()", None, "a comment"),
    ("app = FastAPI", None, "no call"),
    ("app = (FastAPI(", None, "half a file"),
    ("app = FastAPI()\0", None, "a NUL"),
    ("app = FastAPI(x=" + "(" * 300 + ")" * 300 + ")", None, "too deep"),
    ("print(1)", None, "something else"),
    ("uvicorn.run(port=1)\napp = FastAPI()", App("app", "FastAPI", 2, port=1), "its own port"),
    ("app = FastAPI()\nrun(port=1)", App("app", "FastAPI", 1), "another function"),
    ("app = FastAPI()\na.run(port=P, host=1)", App("app", "FastAPI", 1), "a port by a name"),
    ("app = FastAPI()\na.run(port=0)", App("app", "FastAPI", 1), "no port"),
]


@pytest.mark.parametrize(("text", "app"), [pytest.param(t, a, id=n) for t, a, n in APPS])
def test_the_application_in_a_file(text: str, app: App | None) -> None:
    assert app_in(text) == app


PLACES = [
    pytest.param({"main.py": FASTAPI}, ("", "main:app", "backend"), id="at the top"),
    pytest.param({"api/main.py": FASTAPI}, ("api", "main:app", "api"), id="in a folder"),
    pytest.param(
        {"shop/main.py": FASTAPI, "shop/__init__.py": ""},
        ("", "shop.main:app", "backend"),
        id="in a package",
    ),
    pytest.param(
        {"back/app/main.py": FASTAPI + "from app.db import x"},
        ("back", "app.main:app", "back"),
        id="in a package without __init__.py, by its own imports",
    ),
    pytest.param(
        {
            "src/shop/web/asgi.py": FASTAPI,
            "src/shop/__init__.py": "",
            "src/shop/web/__init__.py": "",
        },
        ("src", "shop.web.asgi:app", "backend"),
        id="in a src folder",
    ),
    pytest.param(
        {"shop/__init__.py": FASTAPI}, ("", "shop:app", "backend"), id="in an __init__.py"
    ),
    pytest.param(
        {"one/src/main.py": FASTAPI}, ("one/src", "main:app", "one"), id="the name above src"
    ),
]


@pytest.mark.parametrize(("files", "expected"), PLACES)
def test_where_an_application_is_imported_from(
    files: dict[str, str], expected: tuple[str, str, str]
) -> None:
    found = only(files)
    assert (found.folder, found.command, found.name) == (
        expected[0],
        f"uvicorn {expected[1]}{UVICORN}",
        expected[2],
    )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("tests/app.py", id="a test folder"),
        pytest.param("test_app.py", id="a test"),
        pytest.param("app_test.py", id="a test by its end"),
        pytest.param("docs/src/main.py", id="documentation"),
        pytest.param("main.txt", id="no Python"),
    ],
)
def test_files_that_start_nothing(path: str) -> None:
    assert services({path: FASTAPI}) == ()


FLASKS = [
    pytest.param({"app.py": FLASK}, "flask --app app run --debug", id="the usual name"),
    pytest.param(
        {"app.py": FLASK.replace("app =", "web =")}, "flask --app app:web run --debug", id="another"
    ),
    pytest.param(
        {"app.py": "def create_app():\n    return Flask(__name__)"},
        "flask --app app run --debug",
        id="a factory",
    ),
]


@pytest.mark.parametrize(("files", "command"), FLASKS)
def test_flask(files: dict[str, str], command: str) -> None:
    found = only(files)
    assert (found.command, found.port) == (f"{command} --host {{host}} --port {{port}}", 5000)


def test_an_asgi_factory() -> None:
    found = only({"m.py": "def create_app():\n    return FastAPI()"})
    assert found.command == f"uvicorn m:create_app --factory{UVICORN}"


def test_two_applications_of_one_folder_are_two_services() -> None:
    found = services(
        {"main.py": FASTAPI, "admin.py": FASTAPI, "x/a.py": FASTAPI, "x/b.py": FASTAPI}
    )
    assert [(each.name, each.port) for each in found] == [
        *(("backend", 8000), ("admin", 8001), ("x", 8002), ("x-b", 8003)),
    ]


MISSING = "uvicorn is not among the dependencies in requirements.txt."
DEPENDENCIES = [
    pytest.param({"requirements.txt": "fastapi\n"}, (MISSING,), id="not named"),
    pytest.param({"requirements.txt": "fastapi\nUvicorn\n"}, (), id="named"),
    pytest.param({"requirements.txt": "fastapi[standard]\n"}, (), id="brought by an extra"),
    pytest.param({"requirements.txt": "-r base.txt\n"}, (), id="another list"),
    pytest.param({"pyproject.toml": "dependencies = ['uvicorn']"}, (), id="in pyproject.toml"),
    pytest.param({}, (), id="no list"),
]


@pytest.mark.parametrize(("files", "notes"), DEPENDENCIES)
def test_a_server_that_is_no_dependency(files: dict[str, str], notes: tuple[str, ...]) -> None:
    assert only({"x/main.py": FASTAPI} | files).notes == notes


MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
ENVIRONMENTS = [
    pytest.param((), "uvicorn main:app", "python3 manage.py", id="none that shows"),
    pytest.param(("uv.lock",), "uv run uvicorn main:app", "uv run python manage.py", id="uv"),
    pytest.param(
        ("poetry.lock", "back/.venv/pyvenv.cfg"),
        *("poetry run uvicorn main:app", "poetry run python manage.py"),
        id="poetry, with its environment in the project",
    ),
    pytest.param(
        ("back/.venv/pyvenv.cfg",),
        *(".venv/bin/python -m uvicorn main:app", ".venv/bin/python manage.py"),
        id="an environment beside it",
    ),
    pytest.param(
        ("venv/pyvenv.cfg",),
        *("../venv/bin/python -m uvicorn main:app", "../venv/bin/python manage.py"),
        id="an environment above it",
    ),
]


@pytest.mark.parametrize(("names", "uvicorn", "manage"), ENVIRONMENTS)
def test_the_environment_of_the_project_starts_it(
    names: tuple[str, ...], uvicorn: str, manage: str
) -> None:
    assert only({"back/main.py": FASTAPI}, *names).command == uvicorn + UVICORN
    django = only({"back/manage.py": MANAGE}, *names)
    assert django.command == f"{manage} runserver {{host}}:{{port}}"


def test_a_manage_py_of_something_else() -> None:
    assert services({"manage.py": "print('flask-script')"}) == ()


def test_streamlit_and_its_pages_are_one_service() -> None:
    text = "import streamlit as st\n"
    files = {
        "app.py": text,
        "streamlit_app.py": "import os\n" + text,
        "pages/1_more.py": text,
        "helper.py": text,
    }
    found = only(files)
    assert found.command == (
        "streamlit run streamlit_app.py --server.address {host} --server.port {port}"
        " --server.headless true"
    )
    assert str(found.sources[0]) == "streamlit_app.py, line 2: import streamlit as st"


def test_a_file_that_only_speaks_of_streamlit() -> None:
    assert services({"app.py": "# streamlit\n"}) == ()


def test_a_brace_in_a_folder_is_no_placeholder() -> None:
    assert only({"{port}/x y/manage.py": MANAGE}).folder == "{port}/x y"
