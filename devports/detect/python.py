"""Python services: application objects in files, Django's manage.py, Streamlit. Pure."""

from __future__ import annotations

import ast
import posixpath
import re

from devports.core.text import LAST_PORT
from devports.core.value import Frozen
from devports.detect.command_line import Start, command_text
from devports.detect.model import DetectedService, first_in_folders, upwards
from devports.detect.servers import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.detect.model import File, Tree


ASGI = frozenset("FastAPI Starlette Litestar Quart".split())
WSGI = frozenset({"Flask"})
FACTORIES = ("create_app", "make_app")
USUAL_NAMES = ("app", "application", "api")
"""Names of an application, the most likely first: a file with several mounts them into one."""

_WORTH_READING = re.compile(r"\b(?:FastAPI|Starlette|Litestar|Quart|Flask)\s*\(|\bstreamlit\b")
_IMPORTS_STREAMLIT = re.compile(r"^(?:import|from)\s+streamlit\b", re.MULTILINE)
_NOT_PROGRAMS = frozenset(
    "test tests testing docs doc docs_src examples example migrations scripts benchmarks".split()
)
STREAMLIT = ("streamlit_app.py", "Home.py", "app.py", "main.py", "Hello.py")
LOCKS = {
    "uv.lock": "uv run",
    "poetry.lock": "poetry run",
    "pdm.lock": "pdm run",
    "Pipfile": "pipenv run",
}
DEPENDENCIES = ("requirements.txt", "pyproject.toml")
VENVS = (".venv", "venv")
VENV_FILE = "pyvenv.cfg"
"""In every virtual environment (PEP 405)."""


class App(Frozen):
    """An application in a file: `kind` is its class, `port` the one in its own `run`."""

    name: str
    kind: str
    line: int
    factory: bool = False
    port: int = 0


def application_services(tree: Tree) -> Iterator[DetectedService]:
    """Yield a service for each file that creates an application when it is imported."""
    for file in filter(_is_program, tree.files):
        if app := app_in(file.text):
            yield _service(tree, file, app)


def _is_program(file: File) -> bool:
    """Return whether a file is Python code, and neither a test nor an example."""
    test = file.name.startswith("test_") or file.name.endswith("_test.py")
    return (
        file.name.endswith(".py") and not _NOT_PROGRAMS & {*file.path.split("/")[:-1]} and not test
    )


def app_in(text: str) -> App | None:
    """Return the application in the text of a file; None if it has none or is not Python."""
    module = _parsed(text)
    found = [app for node in (module.body if module else ()) if (app := _app(node))]
    if module is None or not found:
        return None
    best = min(found, key=lambda app: (app.factory, _usual(app.name), app.line))
    return best.replace(port=_port_of_run(module))


def _parsed(text: str) -> ast.Module | None:
    if not _WORTH_READING.search(text):
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _usual(name: str) -> int:
    return USUAL_NAMES.index(name) if name in USUAL_NAMES else len(USUAL_NAMES)


def _app(node: ast.stmt) -> App | None:
    """Return the application that a statement at the top of a file creates."""
    if isinstance(node, ast.FunctionDef) and node.name in FACTORIES:
        made = [kind for inner in ast.walk(node) if (kind := _class(inner))]
        return App(node.name, made[0], node.lineno, factory=True) if made else None
    if isinstance(node, ast.Assign):
        target, value = node.targets[0], node.value
    elif isinstance(node, ast.AnnAssign) and node.value:
        target, value = node.target, node.value
    else:
        return None
    kind = _class(value)
    return App(target.id, kind, node.lineno) if kind and isinstance(target, ast.Name) else None


def _class(node: ast.AST) -> str:
    """Return the framework whose class a call creates; empty for every other node."""
    if not isinstance(node, ast.Call):
        return ""
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name if name in ASGI | WSGI else ""


def _port_of_run(module: ast.Module) -> int:
    """Return the port of `uvicorn.run(..., port=8001)` or `app.run(port=5001)`; 0 if none."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "run":
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if keyword.arg == "port" and isinstance(value, int) and 0 < value <= LAST_PORT:
                    return int(value)
    return 0


def _service(tree: Tree, file: File, app: App) -> DetectedService:
    root, module = importable(tree, file)
    if app.kind in WSGI:
        found = app.factory or app.name in USUAL_NAMES[:2]  # flask finds these names
        words = ("--app", module if found else f"{module}:{app.name}", "run", "--debug")
    else:
        factory = ("--factory",) if app.factory else ()
        words = (f"{module}:{app.name}", *factory, "--reload")
    kind = "flask" if app.kind in WSGI else "uvicorn"
    made = _served(tree, root, kind, *words)
    return made.replace(
        names=names_of(root, file, "backend"),
        kind=app.kind.lower(),
        sources=(file.line(app.line),),
        target=module,
        port=app.port or made.port,
        stated=bool(app.port),
        notes=missing_from_dependencies(tree, root, kind),
    )


def _served(tree: Tree, folder: str, kind: str, *words: str) -> DetectedService:
    """Return a known server with these words after its name, started in its environment."""
    server = next(server for server in PYTHON if server.kind == kind)
    call = tuple(server.calls[0].split())
    start = Start(server, interpreter(tree, folder, call[0]), call, words)
    command = command_text(start.words())
    return DetectedService((), kind, (), command=command, folder=folder, port=server.port)


def importable(tree: Tree, file: File) -> tuple[str, str]:
    """Return the folder from which a file can be imported, and the name of its module.

    Every folder with an `__init__.py` is a package; so is one that the file imports from by name,
    as in `from app.routers import items` in app/main.py.
    """
    root, module = file.folder, file.name.removesuffix(".py")
    if module == "__init__":
        root, module = posixpath.dirname(root), posixpath.basename(root)
    while root and (posixpath.join(root, "__init__.py") in tree.names or _imports(file, root)):
        module = f"{posixpath.basename(root)}.{module}"
        root = posixpath.dirname(root)
    return root, module


def _imports(file: File, folder: str) -> bool:
    name = re.escape(posixpath.basename(folder))
    return bool(re.search(rf"^(?:from|import)\s+{name}\b", file.text, re.MULTILINE))


def names_of(root: str, file: File, side: str) -> tuple[str, ...]:
    """Return names for a Python service: by its folder, else by its kind."""
    above = posixpath.basename(root)
    if above == "src":
        above = posixpath.basename(posixpath.dirname(root))
    module = file.name.removesuffix(".py")
    return tuple(filter(None, (above or side, f"{above}-{module}" if above else module)))


def interpreter(tree: Tree, folder: str, program: str) -> tuple[str, ...]:
    """Return the words before a program of the project's Python environment.

    A project of uv, poetry, pdm or pipenv is started by that tool; else its virtual environment is
    used, active or not; else what is on PATH.
    """
    lead = launcher(tree, folder)
    kept = lead[-1:] == ("run",)
    if program == "manage.py":
        return (*lead, "python") if kept else lead or ("python3",)
    return (*lead, "-m") if lead and not kept else lead


def missing_from_dependencies(tree: Tree, folder: str, program: str) -> tuple[str, ...]:
    """Return a note if the project lists its dependencies and the program is not in the list.

    None for a list that names others (`-r base.txt`) or an extra that may include it.
    """
    near = tree.nearest(folder, *DEPENDENCIES)
    texts = [file.text.lower() for file in tree.files if file.path == near]
    if not texts or any(word in texts[0] for word in (program, "-r ", "[standard]", "[all]")):
        return ()
    return (f"{program} is not among the dependencies in {near}.",)


def launcher(tree: Tree, folder: str) -> tuple[str, ...]:
    """Return what starts the programs of the project's own environment; empty if it has none."""
    if lock := tree.nearest(folder, *LOCKS):
        return tuple(LOCKS[posixpath.basename(lock)].split())
    for place in upwards(folder):
        for name in VENVS:
            if posixpath.join(place, name, VENV_FILE) in tree.names:
                path = posixpath.join(place, name, "bin", "python")
                return (posixpath.relpath(path, folder or "."),)
    return ()


def django_services(tree: Tree) -> Iterator[DetectedService]:
    """Yield a service for each manage.py of Django."""
    for file in tree.called("manage.py"):
        if "DJANGO_SETTINGS_MODULE" in file.text:
            yield _served(tree, file.folder, "django").replace(
                names=names_of(file.folder, file, "backend")[:1],
                sources=(file.source("DJANGO_SETTINGS_MODULE"),),
                target="manage.py",
            )


def streamlit_services(tree: Tree) -> Iterator[DetectedService]:
    """Yield a service for each folder with a Streamlit app; its `pages/` belong to it."""
    programs = filter(_is_program, tree.called(*STREAMLIT))
    found = (file for file in programs if _IMPORTS_STREAMLIT.search(file.text))
    for file in first_in_folders(found):
        yield _served(tree, file.folder, "streamlit", file.name).replace(
            names=names_of(file.folder, file, "web"),
            sources=(file.source("streamlit"),),
            target=file.name.removesuffix(".py"),
        )
