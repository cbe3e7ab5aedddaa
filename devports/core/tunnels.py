"""Processes whose only job is to forward a port, and sessions that do it beside. Pure."""

from __future__ import annotations

from devports.core.program import base_name, program
from devports.core.quoting import quote
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.model import Process

TAKES_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
"""Options of ssh(1) with a value, in the same word or the next."""

FORWARDERS = {
    "kubectl": ("port-forward", "proxy"),
    "oc": ("port-forward", "proxy"),
    "cloudflared": ("access", "tunnel"),
    "ngrok": ("http", "tcp", "tls", "start"),
}
"""Programs that forward when one of these is among their words."""

ONLY_FORWARD = frozenset(("cloud-sql-proxy", "cloud_sql_proxy"))


class Ssh(Value):
    """The words of an ssh(1): what it forwards from here, and how its master is reached.

    `alone`: it runs no command and no shell (-N), so nobody's session is in it.
    """

    alone: bool
    forwards: tuple[str, ...]
    control: str
    host: str


def kind_of(process: Process) -> str:
    """Return the tunnel that a process is, in the words that start it; empty if it is none."""
    name, words = program(process), process.argv[1:]
    if name in ("ssh", "autossh"):
        return f"{name} -N" if ssh(process.argv).alone else ""
    if name in ONLY_FORWARD:
        return name
    found = next((word for word in FORWARDERS.get(name, ()) if word in words), "")
    return f"{name} {found}" if found else ""


def is_session(process: Process) -> bool:
    """Say whether this is an ssh that carries a session, or the master that several share."""
    return mux(process.argv) != "" or (program(process) == "ssh" and not ssh(process.argv).alone)


def mux(argv: Sequence[str]) -> str:
    """Return the socket of a master that ssh left in the background; empty if it is none."""
    title = argv[0] if argv else ""
    return title[5:-6] if title.startswith("ssh: ") and title.endswith(" [mux]") else ""


def ssh(argv: Sequence[str]) -> Ssh:
    """Read the words of an ssh, or of an autossh, which hands them on."""
    if master := mux(argv):
        return Ssh(alone=False, forwards=(), control=master, host="")
    found = list(_options(argv))
    settings = {value.partition("=")[0].strip().lower(): value.partition("=")[2].strip()
                for key, value in found if key == "o"}  # fmt: skip
    keys = {key for key, _ in found}
    return Ssh(
        alone=bool(keys & set("NW")) or settings.get("sessiontype", "").lower() == "none",
        forwards=tuple(value for key, value in found if key == "L"),
        control=next(
            (value for key, value in found if key == "S"), settings.get("controlpath", "")
        ),
        host=next((value for key, value in found if key == ""), ""),
    )


def _options(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option and its value, and the host under an empty key; what follows is remote."""
    words = iter(argv[1:])
    hosted = False
    for word in words:
        if not word.startswith("-") or word == "-":
            if hosted:  # ssh takes options after the host too, up to the command
                return
            hosted = True
            yield "", word
            continue
        for at, letter in enumerate(word[1:], 1):
            if letter in TAKES_VALUE or (letter == "M" and _is_autossh(argv)):
                yield letter, word[at + 1 :] or next(words, "")
                break
            yield letter, ""


def _is_autossh(argv: Sequence[str]) -> bool:
    """Say whether it is autossh(1), whose -M is the port that it watches."""
    return base_name(argv[0]) == "autossh"


def exit_command(process: Process) -> str:
    """Return what ends an ssh by its control socket, ssh(1) -O; empty if it has none."""
    found = ssh(process.argv)
    if program(process) != "ssh" or found.control in ("", "none") or not found.host:
        return ""
    return f"ssh -S {quote(found.control)} -O exit {quote(found.host)}"


def master_exit(process: Process) -> str:
    """Return what ends a shared master, ssh(1) -O; empty if it is none.

    Its title has the path of its socket and no host; with -S any word will do for that.
    """
    control = mux(process.argv)
    return f"ssh -S {quote(control)} -O exit master" if control else ""


def cancel(process: Process, port: int) -> str:
    """Return what takes one forward out of a shared ssh, ssh(1) -O; empty if it is not known."""
    found = ssh(process.argv)
    spec = next((spec for spec in found.forwards if _listens(spec) == str(port)), "")
    if not (found.control and found.host and spec) or found.control == "none":
        return ""
    return f"ssh -S {quote(found.control)} -O cancel -L {quote(spec)} {quote(found.host)}"


def _listens(spec: str) -> str:
    """Return the port of ``[address:]port:host:hostport``, an address of IPv6 in brackets."""
    if spec.startswith("["):
        return spec.partition("]:")[2].partition(":")[0]
    first, _, rest = spec.partition(":")
    return first if first.isdigit() else rest.partition(":")[0]
