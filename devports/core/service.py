"""The declared services, their ports, and the placeholders in their texts.

Only `{word}` and `{word.word}` are placeholders, and `{{word}}` is the text `{word}`. Every other
brace stays as it is, so JSON in a variable survives; so does `${word}`, which is the shell's.
"""

from __future__ import annotations

from devports.core.model import DEBUGGER_PORT, PortSpec
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Literal

    OnConflict = Literal["ask", "reclaim", "next", "fail"]
    Handoff = Literal["auto", "fd", "hook", "plain", "none"]
    PortPer = Literal["machine", "worktree"]
    ReadyOwner = Literal["tree", "any"]


class Ready(Frozen):
    """The conditions of ready, besides owning the port. `timeout` in seconds."""

    http: str = ""
    timeout: float = 60.0
    owner: ReadyOwner = "tree"
    log: str = ""


class EditorTasks(Frozen):
    """What is generated for VS Code: task label, launch configurations, debugger, build task."""

    task: str = ""
    prelaunch: tuple[str, ...] = ()
    debug: str = ""
    build: bool = False


class Service(Frozen):
    """A declared service. Texts may still hold placeholders; `fill` replaces them.

    Attributes:
        port: the first port, 1 to 65535.
        command: a list is exec'd as it is; a text is split like a shell would, or given to a shell
            if `shell`; empty: a watched service.
        cwd: absolute path of the working directory.
        env: variables to set, in order.
        env_file: absolute path or empty.
        ports: additional ports by name.
        port_per: with "worktree" every checkout of a repository has its own ports.
        base: the declared port, if the service has another one here; else 0.
        stop_timeout: seconds between SIGTERM and SIGKILL.
        attempts: starts at most.
    """

    name: str
    port: int
    host: str = "127.0.0.1"
    command: str | tuple[str, ...] = ""
    shell: bool = False
    cwd: str = ""
    env: tuple[tuple[str, str], ...] = ()
    env_file: str = ""
    ports: tuple[tuple[str, int], ...] = ()
    depends_on: tuple[str, ...] = ()
    ready: Ready = Ready()
    stop_signal: str = "SIGTERM"
    stop_timeout: float = 5.0
    attempts: int = 3
    on_conflict: OnConflict = "ask"
    handoff: Handoff = "auto"
    vscode: EditorTasks = EditorTasks()
    port_per: PortPer = "machine"
    base: int = 0

    @property
    def bases(self) -> tuple[int, ...]:
        """The declared ports of which every checkout has its own.

        The debugger's is not among them: VS Code has its number in a file that is shared by all.
        """
        if self.port_per == "machine":
            return ()
        return (self.port, *(port for name, port in self.ports if not self._is_fixed(name)))

    def _is_fixed(self, name: str) -> bool:
        return bool(self.vscode.debug) and name == DEBUGGER_PORT

    @property
    def declared(self) -> int:
        """The port in the file."""
        return self.base or self.port

    def shifted(self, assigned: Mapping[int, int]) -> Service:
        """Return the service with the ports of a checkout; `assigned`: by declared port."""
        if self.port_per == "machine":
            return self
        port = assigned[self.port]
        return self.replace(
            port=port,
            base=self.port if port != self.port else 0,
            ports=tuple((n, p if self._is_fixed(n) else assigned[p]) for n, p in self.ports),
        )

    @property
    def spec(self) -> PortSpec:
        return PortSpec(self.host, self.port)

    @property
    def run_name(self) -> str:
        """The name of its run in records. See `core.holder_kind.run_words`."""
        return self.name


class TypedCommand(Service):
    """A command of the command line, in no configuration: its name is the program's.

    Several may run in one folder, each on its port.
    """

    @property
    def run_name(self) -> str:
        return f"{self.name}:{self.port}"


class Config(Frozen):
    """A whole configuration: its file, its folder, and the services in the order of the file.

    `offset`: the number of this checkout, different in every checkout of a repository; 0 in the
    main one, and without `port_per = "worktree"`.
    """

    path: str
    root: str
    services: tuple[Service, ...]
    offset: int = 0

    @property
    def bases(self) -> tuple[int, ...]:
        """The declared ports of which every checkout has its own, each once."""
        return tuple(dict.fromkeys(base for service in self.services for base in service.bases))

    @property
    def declared(self) -> frozenset[int]:
        """All ports of all services."""
        return frozenset(port for service in self.services for port in _ports_of(service))

    def get(self, name: str) -> Service | None:
        return next((service for service in self.services if service.name == name), None)


def with_dependencies(config: Config, wanted: Iterable[Service]) -> tuple[Service, ...]:
    """Return services and all that they depend on, each behind its dependencies.

    The configuration has been checked: there is no circle, and every name is known.
    """
    found: dict[str, Service] = {}
    for service in wanted:
        needs = filter(None, map(config.get, service.depends_on))
        found |= {one.name: one for one in with_dependencies(config, needs)}
        found.setdefault(service.name, service)
    return tuple(found.values())


def changed_ports(declared: Config, here: Config) -> dict[int, int]:
    """Return, by their ports here, the declared ports that a checkout has shifted."""
    pairs = [
        pair
        for one, own in zip(declared.services, here.services, strict=True)
        for pair in zip(_ports_of(own), _ports_of(one), strict=True)
    ]
    return {port: base for port, base in pairs if port != base}


def _ports_of(service: Service) -> tuple[int, ...]:
    return (service.port, *dict(service.ports).values())


_WORD = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*"
_PATTERN = (
    rf"\$\{{+(?P<foreign>{_WORD})\}}+|\{{\{{(?P<literal>{_WORD})\}}\}}|\{{(?P<name>{_WORD})\}}"
)


def names_in(text: str) -> tuple[str, ...]:
    """Return the placeholders used in `text`, in order."""
    return tuple(match["name"] for match in _matches(text) if match["name"])


def foreign_names_in(text: str) -> tuple[str, ...]:
    """Return the names written as `${name}`, which are left to the shell."""
    return tuple(match["foreign"] for match in _matches(text) if match["foreign"])


def _matches(text: str) -> Iterator[re.Match[str]]:
    if "{" not in text:
        return iter(())
    import re  # `re` costs half a Python start

    return re.finditer(_PATTERN, text)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its placeholders replaced, each once: a value is not filled again.

    Raises:
        KeyError: a placeholder has no value. In a checked config only `fd` can be missing.
    """

    def value(match: re.Match[str]) -> str:
        if match["name"]:
            return values[match["name"]]
        return "{" + match["literal"] + "}" if match["literal"] else match[0]

    return _replaced(text, value)


def _replaced(text: str, by: Callable[[re.Match[str]], str]) -> str:
    if "{" not in text:
        return text
    import re

    return re.sub(_PATTERN, by, text)


class _Values(dict[str, str]):
    """The values of a service's placeholders; those of another service only when asked for."""

    def __init__(self, own: Mapping[str, str], config: Config) -> None:
        super().__init__(own)
        self._config = config

    def __missing__(self, name: str) -> str:
        other = self._config.get(name.partition("services.")[2].partition(".")[0])
        found = {} if other is None else own_values(other, prefix=f"services.{other.name}.")
        return found[name]


def values_for(service: Service, config: Config, **further: str) -> Mapping[str, str]:
    """Return every placeholder's value for `service`, with those of other services in `config`.

    `further`: values of the placeholders that depend on the start (`fd`).
    """
    own = own_values(service) | own_values(service, prefix=f"services.{service.name}.")
    return _Values({"offset": str(config.offset)} | own | further, config)


def own_values(service: Service, prefix: str = "") -> dict[str, str]:
    """Return the host and the ports of one service, each name with `prefix` in front."""
    spec = service.spec
    return {
        f"{prefix}host": spec.host,
        f"{prefix}port": str(spec.port),
        **{f"{prefix}ports.{name}": str(number) for name, number in service.ports},
    }


def env_file_of(service: Service, config: Config) -> str:
    """Return the path of the service's `env_file`, filled; empty if it has none."""
    return fill(service.env_file, values_for(service, config)) if service.env_file else ""


def argv_of(service: Service, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command to execute, filled; empty if the service has none.

    A text is split before it is filled, so that a value with a space stays one argument.

    Raises:
        KeyError: see `fill`.
        ValueError: a text that cannot be split; a checked config has none.
    """
    command = service.command
    if service.shell and command and isinstance(command, str):
        return ("/bin/sh", "-c", fill(command, values))
    return tuple(fill(word, values) for word in words_of(service))


def says_port(service: Service, arguments: Sequence[str] = ()) -> bool:
    """Return whether a command, or a variable that it sets, names the port or the socket.

    True for `{port}`, `{fd}`, `$PORT` and the declared number itself. A server may also read PORT,
    or have the port in a file of its own: neither is known here. `arguments` are appended to the
    command.
    """
    command = service.command if isinstance(service.command, str) else " ".join(service.command)
    texts = (command, *arguments, *(text for _, text in service.env))
    names = {"port", "fd", f"services.{service.name}.port"}
    return has_port(texts, service.port, "$PORT", "${PORT") or any(
        names & set(names_in(text)) for text in texts
    )


def has_port(texts: Iterable[str], port: int, *variables: str) -> bool:
    """Return whether a text has the whole number, or a variable: 18080 is not 8080."""
    import re  # only where a server did not get its port, or may not

    names = "".join(rf"|{re.escape(name)}(?!\w)" for name in variables)
    shown = re.compile(rf"(?<!\d){port}(?!\d){names}")
    return any(map(shown.search, texts))


def typed_command(words: Sequence[str], port: int, host: str, folder: str) -> TypedCommand:
    """Return a command of the command line as a service.

    `{port}`, `{host}` and `{fd}` in it are placeholders; every other brace is the program's.
    """
    command = tuple(map(_own_placeholders, words))
    return TypedCommand(program_name(words), port, host=host, command=command, cwd=folder)


def program_name(words: Sequence[str]) -> str:
    """Return the name of the program that a command starts, fit for a line or a file's name."""
    from devports.core.command_line import launching_of  # not for a service

    name = launching_of(words).name[:64]
    safe = (char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in name)
    return "".join(safe) or "command"


def _own_placeholders(word: str) -> str:
    own = (None, "port", "host", "fd")
    return _replaced(word, lambda it: it[0] if it["name"] in own else f"{{{it[0]}}}")


def words_of(service: Service) -> tuple[str, ...]:
    """Return the words of a command without a shell, with their placeholders.

    Raises:
        ValueError: see `argv_of`.
    """
    if isinstance(service.command, tuple):
        return service.command
    from devports.core.shell_syntax import split  # not for `check`

    return split(service.command)
