"""Servers of Go, .NET, Java, PHP, Ruby and documentation tools, by the files of a project. Pure.

Each is started by the one command that its own documentation names, with the option or variable
that tells it the port. A project of a language of which no server was recognized is reported.
"""

from __future__ import annotations

import posixpath
import re

from devports.core.value import Frozen
from devports.detect.command_line import Line, command_text, of_line, port_in
from devports.detect.model import DetectedService, SkippedService, first_in_folders, upwards
from devports.detect.python import interpreter
from devports.detect.servers import HOST, PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from devports.detect.model import File, Source, Tree


class Mark(Frozen):
    """A file that shows a server.

    Attributes:
        file: its name.
        text: what it contains, as a pattern.
        beside: a file in the same folder that must exist; empty: none.
        command: what starts the server, without the address.
        ports: files, from its folder, with the port, each with a pattern.
    """

    file: str
    text: str
    command: str
    beside: str = ""
    ports: tuple[tuple[str, str], ...] = ()


_PROPERTIES = tuple(
    (f"src/main/resources/application{profile}.{ending}", pattern)
    for profile in ("", "-dev", "-local")
    for ending, pattern in (
        ("properties", r"^server\.port\s*=\s*\D*?(\d{2,5})"),
        *(
            (ending, r"^server(?:\.|:[ \t]*\n(?:[ \t]+.*\n)*?[ \t]+)port:[ \t]*\D*?(\d{2,5})")
            for ending in ("yml", "yaml")
        ),
    )
)
_QUARKUS = (
    ("src/main/resources/application.properties", r"^(?:%dev\.)?quarkus\.http\.port\s*=\s*(\d+)"),
)
_PUMA = (("config/puma.rb", r"""^\s*port\s*\(?\s*(?:Integer\()?(?:ENV\b.*?)?\b(\d{2,5})\b"""),)
_WEB = r"spring-boot-starter-(?:web|webmvc|webflux|graphql|thymeleaf|data-rest)\b(?!-)"
_GRADLE = ("build.gradle", "build.gradle.kts")

MARKS = (
    Mark("pom.xml", _WEB, "mvn spring-boot:run", ports=_PROPERTIES),
    *(Mark(name, _WEB, "gradle bootRun", ports=_PROPERTIES) for name in _GRADLE),
    Mark("pom.xml", "quarkus-maven-plugin", "mvn quarkus:dev", ports=_QUARKUS),
    *(Mark(name, "io.quarkus", "gradle quarkusDev", ports=_QUARKUS) for name in _GRADLE),
    Mark("artisan", "", "php artisan serve", "composer.json", ((".env", r"^SERVER_PORT=(\d+)"),)),
    Mark("spark", "", "php spark serve", "composer.json"),
    Mark("composer.json", "", "php -S -t public", "public/index.php"),
    Mark("Gemfile", r"""^\s*gem\s+["']rails["']""", "bin/rails server", "bin/rails", _PUMA),
    Mark("Gemfile", r"""^\s*gem\s+["']puma["']""", "bundle exec puma", "config.ru", _PUMA),
    Mark("Gemfile", "", "bundle exec rackup", "config.ru"),
    Mark("Gemfile", r"""^\s*gem\s+["']jekyll["']""", "bundle exec jekyll serve", "_config.yml"),
    Mark("mix.exs", r":phoenix\b", "mix phx.server"),
    Mark("mkdocs.yml", r"^site_name", "mkdocs serve"),
    Mark("mkdocs.yaml", r"^site_name", "mkdocs serve"),
    *(Mark(name, "", "hugo server") for name in ("hugo.toml", "hugo.yaml", "hugo.json")),
)
"""The first of a folder that applies to a file counts."""

BY_PYTHON = ("mkdocs",)
"""Programs of the project's Python environment."""
SETTINGS = "config"
"""A folder of settings for several environments, as Hugo has: its project is above."""
DOCUMENTATION = ("mkdocs", "hugo", "bundle exec jekyll")
LANGUAGES = {
    "go.mod": ("Go", "go"),
    **dict.fromkeys(("pom.xml", *_GRADLE), ("Java", "spring quarkus")),
    "composer.json": ("PHP", "laravel codeigniter php"),
    "Gemfile": ("Ruby", "rails puma rackup jekyll"),
    "Cargo.toml": ("Rust", ""),
    "mix.exs": ("Elixir", "phoenix"),
}
"""The file that every project of a language has, and the kinds of its servers."""
PROJECT_FILES = (".csproj", ".fsproj")
SETTINGS_FILES = tuple(
    f"{name}.{ending}"
    for name in ("app", "application", "config", "conf", "settings")
    for ending in ("ini", "toml", "yaml", "yml", "json")
)
LAUNCH_SETTINGS = "launchSettings.json"
TARGET_FILES = {
    **dict.fromkeys(("Makefile", "makefile", "GNUmakefile"), "make"),
    **dict.fromkeys(("justfile", "Justfile", ".justfile"), "just"),
    **dict.fromkeys(("Taskfile.yml", "Taskfile.yaml"), "task"),
    **dict.fromkeys(("deno.json", "deno.jsonc"), "deno task"),
    "composer.json": "composer run",
}
"""Files whose targets start something, and the tool that starts it."""
_TARGET = re.compile(
    r"""^(?:@|[ \t]{2,}["']?)?(dev|develop|start|serve|server)["']?(?: (?![?+]?=)[^:\n]*)?:(?!=)""",
    re.MULTILINE,
)
NAMED = frozenset(
    {mark.file for mark in MARKS}
    | {posixpath.basename(path) for mark in MARKS for path, _ in mark.ports}
    | {
        LAUNCH_SETTINGS,
        *SETTINGS_FILES,
        *TARGET_FILES,
        *LANGUAGES,
        "index.php",
        "config.ru",
        "rails",
    }
)

_WEB_SDK = re.compile(r"Microsoft\.NET\.Sdk\.(?:Web|BlazorWebAssembly)\b")
_IIS = re.compile(r'"iisExpress"\s*:\s*\{[^}]*\}')
_URL = re.compile(r'"applicationUrl"\s*:\s*"[^"]*?http://[^":/]*:(\d+)')


def marked_services(tree: Tree) -> Iterator[DetectedService]:
    """Yield a service for each folder with a file that shows a server."""
    taken: set[tuple[str, bool]] = set()
    for mark in MARKS:
        for file in tree.called(mark.file):
            there = not mark.beside or posixpath.join(file.folder, mark.beside) in tree.names
            key = file.folder, mark.command.startswith(DOCUMENTATION)
            settings = SETTINGS in file.folder.split("/")
            if (
                there
                and not settings
                and key not in taken
                and re.search(mark.text, file.text, re.MULTILINE)
            ):
                taken.add(key)
                port, *more = next(_ports(tree, file, mark), (0,))
                words = _wrapped(tree, file.folder, mark.command)
                if words[0] in BY_PYTHON:
                    words = (*interpreter(tree, file.folder, words[0]), *words)
                names = _names(file.folder, "docs") if key[1] else _names(file.folder)
                yield from _known(words, file.folder, names, port, _source(file, mark), *more)


def _known(
    words: tuple[str, ...], folder: str, names: tuple[str, ...], port: int, *sources: Source
) -> Iterator[DetectedService]:
    """Yield the service of a command that starts a known server, with a port that a file names."""
    stated = bool(port)
    for made in filter(None, (of_line(Line(words), sources[0], names=names, folder=folder),)):
        port = port or made.port
        yield made.replace(sources=sources, port=port, stated=stated, written=False)


def _source(file: File, mark: Mark) -> Source:
    match = re.search(mark.text, file.text, re.MULTILINE) if mark.text else None
    return file.at(match.end()) if match else file.source()


def _wrapped(tree: Tree, folder: str, command: str) -> tuple[str, ...]:
    """Return the command, with the wrapper that the project has in this folder or above."""
    words = tuple(command.split())
    wrapper = {"mvn": "mvnw", "gradle": "gradlew"}.get(words[0], "")
    path = tree.nearest(folder, wrapper) if wrapper else ""
    if not path:
        return words
    program = posixpath.relpath(path, folder or ".")
    return (program if "/" in program else f"./{program}", *words[1:])


def _ports(tree: Tree, file: File, mark: Mark) -> Iterator[tuple[int, Source]]:
    """Yield the ports in the files that may set it, with their lines."""
    for name, pattern in mark.ports:
        path = posixpath.join(file.folder, name)
        for each in (each for each in tree.files if each.path == path):
            match = re.search(pattern, each.text, re.MULTILINE)
            if match and (port := port_in(match[1])):
                yield port, each.at(match.end())


def _names(folder: str, *others: str) -> tuple[str, ...]:
    return tuple(filter(None, (posixpath.basename(folder), *others)))


def dotnet_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield a service for each web project of .NET that no other one serves, as it can Blazor."""
    every = [file for file in tree.files if file.name.endswith(PROJECT_FILES)]
    projects = [file for file in every if _WEB_SDK.search(file.text)]
    for file in first_in_folders(projects):
        refers = re.compile(rf'<ProjectReference Include="[^"]*\b{re.escape(file.name)}"')
        by = next((other for other in projects if refers.search(other.text)), None)
        if by is not None and "BlazorWebAssembly" in file.text:
            yield SkippedService(file.source("Sdk"), f"{by.path} serves it")
            continue
        settings = posixpath.join(file.folder, "Properties", LAUNCH_SETTINGS)
        found = (_url(each) for each in tree.files if each.path == settings)
        port, *more = next(filter(None, found), (0,))
        names = _names(file.folder, file.name.rpartition(".")[0])
        yield from _known(("dotnet", "run"), file.folder, names, port, file.source("Sdk"), *more)


def _url(file: File) -> tuple[int, Source] | None:
    """Return the port of the first profile of a launchSettings.json that `dotnet run` uses."""
    text = _IIS.sub(lambda match: re.sub(r".", " ", match[0]), file.text)
    match = _URL.search(text)
    port = port_in(match[1]) if match else 0
    return (port, file.at(match.start(1))) if match and port else None


_GO_MAIN = re.compile(r"^package main\b", re.MULTILINE)
_GO_SERVES = re.compile(
    r"^(?![ \t]*//).*(?:\bListenAndServe(?:TLS)?\(|(?:\bhttp|[sS]erver)\.Serve\(|\.Run\(\)"
    r"|\.(?:Run|Listen|Start)\([^)\n]*(?i:addr|port|:\d{2,5}))",
    re.MULTILINE,
)
"""net/http; gin's Run, fiber's Listen and echo's Start."""
_GO_STARTS = re.compile(r"\bNewServer\(|[sS]erver\.(?:Start|Run|Serve|Listen|Open)\w*\(")
"""A main package that starts the server of another one."""
_GO_LIBRARY = re.compile(r'"(?:net/http|github\.com/(?:gin-gonic|gofiber|labstack)/\S*)"')
_GO_FLAG = re.compile(
    r'\b(?:flag|[fF]lags(?:\(\))?)\.(String|Int)\w*\((?:&\w+,\s*)?"((?:http-?)?(?:addr|address|port|listen))",'
    r'\s*"?[\w.]*?:?(\d{2,5})'
)
_GO_VARIABLE = re.compile(r'(?i:getenv|lookupenv)\w*\(\s*"(\w*PORT)"(?:,\s*":?(\d{2,5}))?')
_GO_NUMBER = re.compile(r'(?:ListenAndServe\w*|Run|Listen|Start|Addr)[(:]\s*"[\w.]*:(\d{2,5})"')
_GO_DEFAULT = re.compile(r'"[\w.]*:?(\d{4,5})"')
SETTINGS_FOLDERS = ("", "conf", "config", "configs", "etc")
"""Where a program has its settings, from its module."""
_SECTION = re.compile(r"""[ \t]*["'\[]?(\w+)["'\]]?[ \t]*(?:[:=][ \t]*\{?)?[ \t]*""")
_SETTING = re.compile(
    r"""[ \t]*["']?(\w*?)_?port["']?[ \t]*[:=][ \t]*["']?[\w.]*?:?(\d{2,5})\b""", re.IGNORECASE
)
_OWN = ("", "http", "server", "app", "web", "api")
"""What a port in the settings of a server may be called; others are those of a database."""
GIN_PORT = 8080
"""gin's `Run()` reads PORT, and uses 8080 without it."""


class Told(Frozen):
    """How a Go program is told its port: further words, or variables; neither: it is fixed."""

    port: int = 0
    words: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    source: Source | None = None


def go_services(tree: Tree) -> Iterator[DetectedService]:
    """Yield a service for each main package of Go that serves."""
    every = [file for file in tree.files if file.name.endswith(".go")]
    for module in tree.called("go.mod"):
        files = [file for file in every if tree.nearest(file.folder, "go.mod") == module.path]
        mains = sorted({file.folder for file in files if _GO_MAIN.search(file.text)})
        starting = {f.folder for f in files if f.folder in mains and _GO_STARTS.search(f.text)}
        starting |= {*mains} if len(mains) == 1 else set()
        for folder in mains:
            own = [file for file in files if file.folder == folder]
            whole = folder in starting if starting else _is_named(folder, module)
            rest = [file for file in files if file.folder not in mains] if whole else []
            serving = (file for file in (*own, *rest) if _GO_LIBRARY.search(file.text))
            for file in serving:
                if match := _GO_SERVES.search(file.text):
                    yield _go(tree, module, folder, file.at(match.end()), (file, *own, *rest))
                    break


def _is_named(folder: str, module: File) -> bool:
    """Return whether a main package has the name of its module, or is at the top of it."""
    named = re.search(r"^module\s+(?:\S*/)?([\w.-]+)", module.text, re.MULTILINE)
    return folder == module.folder or bool(named and named[1] == posixpath.basename(folder))


def _go(
    tree: Tree, module: File, folder: str, source: Source, files: tuple[File, ...]
) -> DetectedService:
    told = next(filter(None, map(_told, files)), None) or _in_settings(tree, module)
    inner = posixpath.relpath(folder or ".", module.folder or ".")
    package = "." if inner == "." else f"./{inner}"
    fixed = bool(told.port and not told.words and not told.env)
    return DetectedService(
        names=_names(folder, "backend"),
        kind="go",
        sources=tuple(dict.fromkeys(filter(None, (source, told.source)))),
        target=f"go {package}",
        command=command_text(("go", "run", package, *told.words)),
        folder=module.folder,
        port=told.port,
        stated=bool(told.port),
        takes_port=not fixed,
        env=told.env,
        notes=(f"The port is fixed in {told.source.path}.",) if told.source and fixed else (),
    )


def _in_settings(tree: Tree, module: File) -> Told:
    """Return the port in a settings file of a program, which only that file can change."""
    for file in tree.called(*SETTINGS_FILES):
        near = tree.nearest(file.folder, module.name) == module.path
        section = ""
        inside = near and file.folder.removeprefix(module.folder).strip("/") in SETTINGS_FOLDERS
        for number, line in enumerate(file.text.splitlines() if inside else (), 1):
            found = _SETTING.match(line)
            if found and (found[1].lower() or section) in _OWN:
                return Told(port_in(found[2]), source=file.line(number))
            section = named[1].lower() if (named := _SECTION.fullmatch(line)) else section
    return Told()


def _told(file: File) -> Told | None:
    """Return how the program of a file is told its port; None if the file does not say."""
    text = file.text
    if flag := _GO_FLAG.search(text):
        value = PORT if flag[1] == "Int" or flag[2] == "port" else f"{HOST}:{PORT}"
        return Told(port_in(flag[3]), (f"--{flag[2]}", value), (), file.at(flag.end()))
    if named := _GO_VARIABLE.search(text):
        default = named[2] or next(iter(_GO_DEFAULT.findall(text, named.end())), "")
        return Told(port_in(default) or GIN_PORT, (), ((named[1], PORT),), file.at(named.end()))
    numbers = [*_GO_NUMBER.finditer(text)]
    if len({number[1] for number in numbers}) == 1:  # others redirect to TLS, or are for debugging
        return Told(port_in(numbers[0][1]), source=file.at(numbers[0].end()))
    if ".Run()" in text:
        return Told(GIN_PORT, (), (("PORT", PORT),))
    return None


def unknown_targets(tree: Tree, services: Iterable[DetectedService]) -> Iterator[SkippedService]:
    """Yield what starts a server by its name, for a tool that init does not run, where none is."""
    served = {folder for each in services if each.command for folder in upwards(each.folder)}
    for file in tree.called(*TARGET_FILES):
        for match in _TARGET.finditer(file.text) if file.folder not in served else ():
            tool = TARGET_FILES[file.name]
            yield SkippedService(
                file.at(match.start(1)), f"what `{tool} {match[1]}` starts is not known"
            )


def unknown_projects(tree: Tree, services: Iterable[DetectedService]) -> Iterator[SkippedService]:
    """Yield the projects of other languages without a known server, the topmost of each only."""
    found = {(each.kind, above) for each in services for above in upwards(each.folder)}
    reported: set[tuple[str, str]] = set()
    for name, (language, kinds) in LANGUAGES.items():
        for file in sorted(tree.called(name), key=lambda file: file.path.count("/")):
            above = {(language, folder) for folder in upwards(file.folder)}
            served = any((kind, file.folder) in found for kind in kinds.split())
            if not served and not reported & above:
                reported.add((language, file.folder))
                yield SkippedService(file.source(), f"no known server in this {language} project")
