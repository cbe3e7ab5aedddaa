"""Python services: applications, manage.py, programs that open their port themselves. Pure."""

from __future__ import annotations

import ast
import posixpath
import re

from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen
from devports.detect.command_line import Start, command_text, port_in
from devports.detect.model import DetectedService, SkippedService, upwards
from devports.detect.servers import HOST, PORT, PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devports.detect.model import File, Source, Tree

    Names = Mapping[str, str]


ASGI = frozenset("FastAPI Starlette Litestar Quart".split())
WSGI = frozenset({"Flask"})
FACTORIES = ("create_app", "make_app")
USUAL_NAMES = ("app", "application", "api")
"""Names of an application, the most likely first: a file with several mounts them into one."""

PRIVILEGED = 1024
"""Ports below it are those of a container or a deployment: a developer may not bind them."""

CLASSES = {name: name for name in ASGI | WSGI}
_SUBCLASS = re.compile(rf"^class (\w+)\((?:\w+\.)*({'|'.join(CLASSES)})\b", re.MULTILINE)
_NOT_PROGRAMS = frozenset(
    "test tests testing docs doc docs_src examples example migrations scripts benchmarks".split()
)
MAIN_FILES = "wsgi asgi streamlit_app Home app main server run web_demo demo Hello".split()
"""Usual names of the file to start, the most likely first."""
SETTINGS = ".streamlit/config.toml"
PAGES = "pages"
"""Files in this folder belong to the Streamlit app above it."""


class Library(Frozen):
    """A library whose programs open their port themselves.

    Attributes:
        name: as it is imported.
        call: what opens the port.
        keyword: the argument of the port.
        port: its default.
        env: the variables that it reads.
        server: the server that starts such a file, where it does not start itself.
    """

    name: str
    call: str
    keyword: str
    port: int
    env: tuple[tuple[str, str], ...] = ()
    server: str = ""


LIBRARIES = (
    Library("streamlit", "", "", 8501, server="streamlit"),
    Library("chainlit", "", "", 8000, server="chainlit"),
    Library(
        "gradio",
        r"\.launch\(",
        "server_port",
        7860,
        (("GRADIO_SERVER_NAME", HOST), ("GRADIO_SERVER_PORT", PORT)),
    ),
    Library("dash", r"\.run(?:_server)?\(", "port", 8050, (("HOST", HOST), ("PORT", PORT))),
    Library("nicegui", r"\bui\.run\(", "port", 8080),
    Library("aiohttp", r"\brun_app\(", "port", 8080),
    Library("bottle", r"\brun\(", "port", 8080),
    Library("sanic", r"\bapp\.run\(", "port", 8000),
)
_OPTION = re.compile(
    r"""add_argument\((?:\s*["']-\w["'],)?\s*["'](--(?:server[-_])?port)["']([^)]*)"""
)
_DEFAULT = re.compile(r"default\s*=\s*(\d+)")
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
    """An application in a file.

    Attributes:
        kind: its class.
        factory: it is a function that creates one.
        port: the one in its own `run`.
        maker: the function that it is the result of.
    """

    name: str
    kind: str
    line: int
    factory: bool = False
    port: int = 0
    maker: str = ""


def application_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield a service for each file that creates an application when it is imported.

    Of several that call one function the topmost counts: others are for workers and the like.
    """
    files = list(filter(_is_program, tree.files))
    classes = CLASSES | {
        name: kind for file in files for name, kind in _SUBCLASS.findall(file.text)
    }
    makers = {name: kind for file in files for name, kind in makers_in(file.text, classes).items()}
    found = [(file, app) for file in files if (app := app_in(file.text, makers, classes))]
    programs = [file for library in LIBRARIES for file in _programs(tree, library)]
    first: dict[tuple[str, str], str] = {}
    for file, app in sorted(found, key=_plainest):
        made = app.maker or file.path, importable(tree, file)[0]
        known = first.setdefault(made, file.path)
        whole = next((each for each in programs if _imports_module(tree, each, file)), None)
        if known != file.path:
            yield SkippedService(file.line(app.line), f"{known} starts the same application")
        elif whole is not None:
            yield SkippedService(file.line(app.line), f"a part of {whole.path}")
        elif not any(_is_part(tree, file, app, *other) for other in found if other[0] != file):
            yield _service(tree, file, app)


def _plainest(found: tuple[File, App]) -> tuple[int, bool, tuple[int, str]]:
    """Return the order of files of one application: one that reads arguments is no module."""
    file, _ = found
    return file.path.count("/"), "parse_args(" in file.text, _likeliest(file)


def _is_part(tree: Tree, file: File, app: App, other: File, whole: App) -> bool:
    """Return whether the application of a file belongs to that of another one.

    The other one calls its factory, or mounts it.
    """
    if not app.factory:
        return ".mount(" in other.text and _imports_module(tree, other, file)
    together = importable(tree, file)[0] == importable(tree, other)[0]
    return whole.maker == app.name and together and _is_imported(app.name, other)


def _imports_module(tree: Tree, by: File, file: File) -> bool:
    """Return whether a file imports another one as a module."""
    return _is_imported(importable(tree, file)[1].rpartition(".")[2], by)


def _is_program(file: File) -> bool:
    """Return whether a file is Python code, and neither a test nor an example."""
    test = file.name.startswith("test_") or file.name.endswith("_test.py")
    return (
        file.name.endswith(".py") and not _NOT_PROGRAMS & {*file.path.split("/")[:-1]} and not test
    )


def makers_in(text: str, classes: Names) -> dict[str, str]:
    """Return the functions at the top of a file that create an application, with its framework."""
    functions = (node for node in _calling(text, classes).body if isinstance(node, _FUNCTIONS))
    made = {f.name: next(_created(f, classes), "") for f in functions}
    return {name: kind for name, kind in made.items() if kind}


def app_in(text: str, makers: Names | None = None, classes: Names = CLASSES) -> App | None:
    """Return the application in the text of a file; None if it has none or is not Python.

    Args:
        text: of the file.
        makers: functions of the project that create an application, with its framework.
        classes: of applications, with their framework.
    """
    makers = makers or {}
    module = _calling(text, {**makers, **classes})
    found = [app for node in module.body if (app := _app(node, makers, classes))]
    if not found:
        return None
    best = min(found, key=lambda app: (app.factory, _usual(app.name), app.line))
    return best.replace(port=_port_of_run(module))


def _calling(text: str, names: Names) -> ast.Module:
    """Return a file that calls one of these names; an empty one for every other text."""
    try:
        return ast.parse(text if any(f"{name}(" in text for name in names) else "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _usual(name: str) -> int:
    return USUAL_NAMES.index(name) if name in USUAL_NAMES else len(USUAL_NAMES)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _app(node: ast.stmt, makers: Names, classes: Names) -> App | None:
    """Return the application that a statement at the top of a file creates."""
    if isinstance(node, _FUNCTIONS) and node.name in FACTORIES:
        kind = next(_created(node, classes), "")
        return App(node.name, kind, node.lineno, factory=True) if kind else None
    if isinstance(node, ast.Assign):
        target, value = node.targets[0], node.value
    elif isinstance(node, ast.AnnAssign) and node.value:
        target, value = node.target, node.value
    else:
        return None
    called = _called(value)
    maker = "" if called in classes else called
    kind = classes.get(called) or makers.get(maker, "")
    if not kind or not isinstance(target, ast.Name):
        return None
    return App(target.id, kind, node.lineno, maker=maker)


def _created(node: ast.AST, classes: Names) -> Iterator[str]:
    """Yield the frameworks of the applications that a function creates."""
    return (classes[name] for each in ast.walk(node) if (name := _called(each)) in classes)


def _called(node: ast.AST) -> str:
    """Return the name that a call calls, without the module before it; empty for other nodes."""
    called = node.func if isinstance(node, ast.Call) else None
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _port_of_run(module: ast.Module) -> int:
    """Return the port of `uvicorn.run(..., port=8001)` or `app.run(port=5001)`; 0 if none.

    In `port=int(os.environ.get("PORT", 5001))` it is the default.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "run":
            for keyword in node.keywords:
                if keyword.arg == "port" and (port := _number(keyword.value)):
                    return port
    return 0


def _number(node: ast.AST) -> int:
    values = (getattr(inner, "value", None) for inner in ast.walk(node))
    numbers = (decimal(str(v), LAST_PORT) for v in values if isinstance(v, int | str))
    return next(filter(None, numbers), 0)


def _service(tree: Tree, file: File, app: App) -> DetectedService:
    root, module = importable(tree, file)
    if app.kind in WSGI:
        found = app.factory or app.name in USUAL_NAMES[:2]  # flask finds these names
        words = ("--app", module if found else f"{module}:{app.name}", "run", "--debug")
    else:
        factory = ("--factory",) if app.factory else ()
        words = (f"{module}:{app.name}", *factory, "--reload")
    kind = "flask" if app.kind in WSGI else "uvicorn"
    privileged = 0 < app.port < PRIVILEGED
    note = (f"Its own `run` uses port {app.port}, for which it needs permission.",)
    made = _served(tree, root, kind, *words)
    return made.replace(
        names=names_of(root, file, "backend"),
        kind=app.kind.lower(),
        sources=(file.line(app.line),),
        target=module,
        port=made.port if privileged else app.port or made.port,
        stated=bool(app.port) and not privileged,
        notes=(*missing_from_dependencies(tree, root, kind), *(note if privileged else ())),
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
    """Return the words before a program, or a file of Python, of the project's environment.

    A project of uv, poetry, pdm or pipenv is started by that tool; else its virtual environment is
    used, active or not; else what is on PATH.
    """
    lead = launcher(tree, folder)
    kept = lead[-1:] == ("run",)
    if program.endswith(".py"):
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


def library_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield a service for each folder with programs of a library, started by the likeliest."""
    for library in LIBRARIES:
        folders: dict[str, list[File]] = {}
        for file in _programs(tree, library):
            folders.setdefault(file.folder, []).append(file)
        for found in folders.values():
            first, *others = sorted(found, key=_likeliest)
            yield _by_library(tree, first, library)
            why = f"another {library.name} program beside {first.name}"
            yield from (SkippedService(_import_line(other, library), why) for other in others)


def _programs(tree: Tree, library: Library) -> list[File]:
    """Return the programs of a library; one that only a call shows may import it in a function."""
    indent = r"[ \t]*" if library.call else ""
    imports = re.compile(rf"^{indent}(?:import|from)\s+{library.name}\b", re.MULTILINE)
    named = (file for file in tree.files if library.name in file.text and _is_program(file))
    files = [file for file in named if imports.search(file.text)]
    return [file for file in files if re.search(library.call, file.text) and _starts(file, files)]


def _starts(file: File, files: Sequence[File]) -> bool:
    """Return whether no other file of the same library imports it, as it does a module."""
    name = file.name.removesuffix(".py")
    others = (other for other in files if other != file)
    pages = PAGES in file.folder.split("/")
    return not pages and not any(_is_imported(name, other) for other in others)


def _is_imported(module: str, by: File) -> bool:
    """Return whether a file imports a module of this name."""
    name = re.escape(module)
    return bool(re.search(rf"^\s*(?:from|import)\s.*\b{name}\b", by.text, re.MULTILINE))


def _import_line(file: File, library: Library) -> Source:
    word = "import" if f"import {library.name}" in file.text else "from"
    return file.source(f"{word} {library.name}")


def _likeliest(file: File) -> tuple[int, str]:
    name = file.name.removesuffix(".py")
    return MAIN_FILES.index(name) if name in MAIN_FILES else len(MAIN_FILES), name


def _by_library(tree: Tree, file: File, library: Library) -> DetectedService:
    root, module = importable(tree, file)
    if library.server:
        made = _served(tree, file.folder, library.server, file.name)
        for settings in (each for each in tree.files if each.path.endswith(SETTINGS)):
            number = re.search(r"^port\s*=\s*(\d+)", settings.text, re.MULTILINE)
            port = port_in(number[1]) if number else 0
            above = posixpath.dirname(settings.folder)
            if number and port and above in upwards(file.folder):
                source = settings.source(number[0])
                made = made.replace(port=port, stated=True, sources=(source,))
    else:
        made = _serves_itself(tree, file, library)
    return made.replace(
        names=names_of(file.folder, file, "web"),
        sources=(_import_line(file, library), *made.sources),
        target=module if made.folder == root else file.name.removesuffix(".py"),
    )


def _serves_itself(tree: Tree, file: File, library: Library) -> DetectedService:
    """Return a program that is told its port by an option or a variable of its own, or not."""
    root, module = importable(tree, file)
    within = root != file.folder
    lead = interpreter(tree, root, file.name)
    words = (*lead, "-m", module) if within else (*lead, file.name)
    fixed = re.search(rf"\b{library.keyword}\s*=\s*(\d+)", file.text)
    option = _OPTION.search(file.text)
    port = port_in(fixed[1]) if fixed else 0
    if option:
        words, default = (*words, option[1], PORT), _DEFAULT.search(option[2])
        port = port_in(default[1]) if default else 0
    takes = bool(option or (library.env and not fixed))
    stated = option or fixed
    return DetectedService(
        (),
        library.name,
        (file.source(stated[0].strip()),) if port and stated else (),
        command=command_text(words),
        folder=root,
        port=port or library.port,
        stated=bool(port),
        takes_port=takes,
        env=library.env if takes and not option else (),
        notes=() if takes else ("The port is fixed in the program.",),
    )
