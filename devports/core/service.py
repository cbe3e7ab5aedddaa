"""The declared services, their ports, and the placeholders in their texts.

Only `{word}` and `{word.word}` are placeholders, and `{{word}}` is the text `{word}`. Every other
brace stays as it is, so JSON in a variable survives; so does `${word}`, which is the shell's.
"""

from __future__ import annotations

from devports.core.model import PortSpec
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Literal

    OnConflict = Literal["ask", "reclaim", "next", "fail"]
    Handoff = Literal["auto", "fd", "hook", "plain", "none"]
    ReadyOwner = Literal["tree", "any"]


class Ready(Frozen):
    """The conditions of ready, besides owning the port. `timeout` in seconds."""

    http: str = ""
    timeout: float = 60.0
    owner: ReadyOwner = "tree"
    log: str = ""


class EditorTasks(Frozen):
    """What is generated for VS Code: task label, launch configurations, debugger."""

    task: str = ""
    prelaunch: tuple[str, ...] = ()
    debug: str = ""


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
    """A whole configuration: its file, its folder, and the services in the order of the file."""

    path: str
    root: str
    services: tuple[Service, ...]

    def get(self, name: str) -> Service | None:
        return next((service for service in self.services if service.name == name), None)


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
    done, parts = 0, []
    for match in _matches(text):
        parts += [text[done : match.start()], _replacement(match, values)]
        done = match.end()
    return "".join(parts) + text[done:]


def _replacement(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["name"]:
        return values[match["name"]]
    return "{" + match["literal"] + "}" if match["literal"] else match[0]


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
    """Return every placeholder's value for `service`.

    Args:
        service: the service whose texts are filled.
        config: the configuration with the other services.
        further: values of the placeholders that depend on the start (`fd`).
    """
    own = own_values(service) | own_values(service, prefix=f"services.{service.name}.")
    return _Values(own | further, config)


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
    or have the port in a file of its own: neither is known here.

    Args:
        service: the service with the command and the port.
        arguments: words that are appended to the command.
    """
    import re  # only where a server did not get its port, or may not

    command = service.command if isinstance(service.command, str) else " ".join(service.command)
    texts = (command, *arguments, *(text for _, text in service.env))
    names = {"port", "fd", f"services.{service.name}.port"}
    shown = re.compile(rf"\$\{{?PORT(?!\w)|(?<!\d){service.port}(?!\d)")
    return any(shown.search(text) or names & set(names_in(text)) for text in texts)


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
    done, parts = 0, []
    for match in _matches(word):
        foreign = match["name"] and match["name"] not in ("port", "host", "fd")
        parts += [word[done : match.start()], f"{{{match[0]}}}" if foreign else match[0]]
        done = match.end()
    return "".join(parts) + word[done:]


def words_of(service: Service) -> tuple[str, ...]:
    """Return the words of a command without a shell, with their placeholders.

    Raises:
        ValueError: see `argv_of`.
    """
    if isinstance(service.command, tuple):
        return service.command
    from devports.core.shell_syntax import split  # not for `check`

    return split(service.command)
