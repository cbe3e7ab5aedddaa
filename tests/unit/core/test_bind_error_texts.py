"""What servers print when they do not get their port, one case a wording."""

from __future__ import annotations

import re

import pytest

from devports.core.bind_errors import (
    KINDS,
    PATTERNS,
    Pattern,
    bind_failures,
    match_bind_failure,
    may_match,
)

PATTERN = pytest.mark.parametrize("row", PATTERNS.values(), ids=PATTERNS)

Case = tuple[str, str, str, int | None]


def case(name: str, text: str, kind: str, port: int | None) -> Case:
    """Whose text it is, what kind of failure and the port it names."""
    return name, text, kind, port


# Port 8000 is ours.
SEEN = [
    case(
        "uvicorn",
        "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000):"
        " address already in use",
        "fatal",
        8000,
    ),
    case(
        "uvicorn, aiohttp on ::1",
        "[Errno 98] error while attempting to bind on address ('::1', 8000, 0, 0):"
        " address already in use",
        "fatal",
        8000,
    ),
    case("uvicorn --reload", "ERROR:    [Errno 98] Address already in use", "fatal", None),
    case(
        "gunicorn",
        "[2026-01-02 10:00:00 +0000] [7] [ERROR] Connection in use: ('127.0.0.1', 8000)\n"
        "[7] [ERROR] connection to ('127.0.0.1', 8000) failed: [Errno 98] Address already in use",
        "fatal",
        8000,
    ),
    case(
        "hypercorn, waitress, http.server, flower",
        "Traceback (most recent call last):\n  self.socket.bind(self.server_address)\n"
        "OSError: [Errno 98] Address already in use",
        "fatal",
        None,
    ),
    case("granian", "RuntimeError: Address already in use (os error 98)", "fatal", None),
    case(
        "daphne",
        "CRITICAL Listen failure: Couldn't listen on 127.0.0.1:8000: [Errno 98]"
        " Address already in use.",
        "fatal",
        None,
    ),
    case(
        "flask",
        "Address already in use\nPort 8000 is in use by another program. Either identify and"
        " stop that program, or start the server with a different port.",
        "fatal",
        8000,
    ),
    case("django", "Error: That port is already in use.", "fatal", None),
    case("streamlit", "Port 8000 is not available", "fatal", 8000),
    case(
        "jupyter",
        "[I ServerApp] The port 8000 is already in use, trying another port.",
        "moved",
        8000,
    ),
    case(
        "jupyter without retries",
        "ERROR: the Jupyter server could not be started because port 8000 is not available.",
        "fatal",
        8000,
    ),
    case("node", "Error: listen EADDRINUSE: address already in use :::8000", "fatal", 8000),
    case(
        "node with its fields",
        "Error: listen EADDRINUSE: address already in use ::1:8000\n"
        "    at Server.listen {\n  code: 'EADDRINUSE',\n  errno: -98,\n  syscall: 'listen',"
        "\n  address: '::1',\n  port: 8000\n}",
        "fatal",
        8000,
    ),
    case(
        "node on a scoped address",
        "Error: listen EADDRINUSE: address already in use fe80::1:8000",
        "fatal",
        8000,
    ),
    case("node 10", "Error: listen EADDRINUSE :::8000", "fatal", 8000),
    case("node, an address alone", "Error: listen EADDRINUSE 10.0.0.1", "fatal", None),
    case("node cluster", "Error: bind EADDRINUSE null:8000", "fatal", 8000),
    case("node, only the code", "cannot start: EADDRINUSE", "fatal", None),
    case(
        "nodemon",
        "Error: listen EADDRINUSE: address already in use 127.0.0.1:8000\n"
        "[nodemon] app crashed - waiting for file changes before starting...",
        "fatal",
        8000,
    ),
    case("vite", "Port 8000 is in use, trying another one...", "moved", 8000),
    case("vite --strictPort", "Error: Port 8000 is already in use", "fatal", 8000),
    case(
        "vite --strictPort, shadowed",
        "Port 8000 is in use on a wildcard address, but localhost:8000"
        " is available. Starting there.",
        "partial",
        8000,
    ),
    case(
        "next without a port",
        "⚠ Port 8000 is in use by process 4242, using available port 8001 instead.",
        "moved",
        8000,
    ),
    case(
        "next, holder unknown",
        "⚠ Port 8000 is in use by an unknown process, using available port 8001 instead.",
        "moved",
        8000,
    ),
    case("next 14", "⚠ Port 8000 is in use, trying 8001 instead.", "moved", 8000),
    case(
        "nuxt",
        "[get-port] Unable to find an available port (tried 8000 on any host). Using"
        " alternative port 3000.",
        "moved",
        8000,
    ),
    case("react-scripts", "Something is already running on port 8000.", "fatal", 8000),
    case("parcel", 'Error: Port "8000" could not be used', "fatal", 8000),
    case("serve", "This port was picked because 8000 is in use.", "moved", 8000),
    case(
        "php -S",
        "Failed to listen on 127.0.0.1:8000 (reason: Address already in use)",
        "fatal",
        8000,
    ),
    case(
        "puma",
        'Address already in use - bind(2) for "127.0.0.1" port 8000 (Errno::EADDRINUSE)',
        "fatal",
        8000,
    ),
    case("go", "listen tcp :8000: bind: address already in use", "fatal", 8000),
    case("go on IPv6", "listen tcp6 [::1]:8000: bind: address already in use", "fatal", 8000),
    case("java", "java.net.BindException: Address already in use", "fatal", None),
    case(
        "nginx",
        "nginx: [emerg] bind() to 0.0.0.0:8000 failed (98: Address already in use)\n"
        "nginx: [emerg] still could not bind()",
        "fatal",
        8000,
    ),
    case(
        "nginx on IPv6 and macOS",
        "bind() to [::]:8000 failed (48: Address already in use)",
        "fatal",
        8000,
    ),
    case(
        "redis",
        "Could not create server TCP listening socket *:8000: bind: Address already in use\n"
        "Failed listening on port 8000 (TCP), aborting.",
        "fatal",
        8000,
    ),
    case(
        "postgres",
        'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\n'
        "HINT:  Is another postmaster already running on port 8000? If not, wait a few seconds and"
        " retry.\nFATAL:  could not create any TCP/IP sockets",
        "partial",
        8000,
    ),
    case("musl's strerror", "bind: Address in use", "fatal", None),
    case("a translated Python error", "[Errno 98] Adresse déjà utilisée", "fatal", None),
]

# From issue threads and documentation; the port is the sample's own.
DOCUMENTED = [
    case(
        "macOS uvicorn",
        "ERROR:    [Errno 48] error while attempting to bind on address"
        " ('127.0.0.1', 8000): address already in use",
        "fatal",
        8000,
    ),
    case("macOS python", "OSError: [Errno 48] Address already in use", "fatal", None),
    case(
        "Windows uvicorn",
        "ERROR:    [Errno 10048] error while attempting to bind on address"
        " ('127.0.0.1', 8000): only one usage of each socket address (protocol/network"
        " address/port) is normally permitted",
        "fatal",
        8000,
    ),
    case(
        "Windows python",
        "OSError: [WinError 10048] Solo se permite un uso de cada direccion de socket",
        "fatal",
        None,
    ),
    case(
        "Windows denied",
        "ERROR:    [WinError 10013] An attempt was made to access a socket in a way"
        " forbidden by its access permissions",
        "denied",
        None,
    ),
    case("macOS rust", "Error: Address already in use (os error 48)", "fatal", None),
    case(
        "rust debug",
        'Os { code: 98, kind: AddrInUse, message: "Address already in use" }',
        "fatal",
        None,
    ),
    case(
        "rust debug, translated",
        "thread 'main' panicked at called `Result::unwrap()` on an `Err`"
        ' value: Os { code: 10048, kind: AddrInUse, message: "Une seule utilisation" }',
        "fatal",
        None,
    ),
    case("spring", "Web server failed to start. Port 8080 was already in use.", "fatal", 8080),
    case(
        "spring exception",
        "org.springframework.boot.web.server.PortInUseException: Port 8080 is already in use",
        "fatal",
        8080,
    ),
    case(
        "tomcat",
        "The Tomcat connector configured to listen on port 8080 failed to start. The port"
        " may already be in use or the connector may be misconfigured.",
        "fatal",
        8080,
    ),
    case("java windows", "java.net.BindException: Address already in use: bind", "fatal", None),
    case(
        "kestrel",
        "System.IO.IOException: Failed to bind to address http://127.0.0.1:5000: address"
        " already in use.",
        "fatal",
        5000,
    ),
    case(
        "dotnet", "System.Net.Sockets.SocketException (98): Address already in use", "fatal", None
    ),
    case(
        "docker",
        "docker: Error response from daemon: driver failed programming external connectivity"
        " on endpoint x: Bind for 0.0.0.0:8080 failed: port is already allocated.",
        "foreign",
        8080,
    ),
    case(
        "docker desktop",
        "Error response from daemon: Ports are not available: exposing port TCP"
        " 0.0.0.0:80 -> 0.0.0.0:0: listen tcp 0.0.0.0:80: bind: address already in use",
        "foreign",
        80,
    ),
    case(
        "angular",
        "Port 4200 is already in use. Use '--port' to specify a different port.",
        "fatal",
        4200,
    ),
    case("rails", "A server is already running. Check /app/tmp/pids/server.pid.", "fatal", None),
    case(
        "ruby",
        'Address already in use - bind(2) for "127.0.0.1" port 3000 (Errno::EADDRINUSE)',
        "fatal",
        3000,
    ),
    case("bun", "EADDRINUSE: Failed to start server. Is port 5000 in use?", "fatal", 5000),
    case(
        "deno",
        "error: Uncaught (in promise) AddrInUse: Address already in use (os error 98)",
        "fatal",
        None,
    ),
    case(
        "elixir",
        "Failed to start Ranch listener MyApp.HTTP in :ranch_tcp:listen([port: 4000]) for"
        " reason :eaddrinuse (address already in use)",
        "fatal",
        4000,
    ),
    case(
        "go windows",
        "listen tcp :8080: bind: Only one usage of each socket address"
        " (protocol/network address/port) is normally permitted.",
        "fatal",
        8080,
    ),
    case(
        "node macOS",
        "Error: listen EADDRINUSE: address already in use 127.0.0.1:3000",
        "fatal",
        3000,
    ),
    case(
        "flask macOS",
        "Address already in use\nPort 5000 is in use by another program. Either"
        " identify and stop that program, or start the server with a different port.",
        "fatal",
        5000,
    ),
]


@pytest.mark.parametrize("seen", SEEN, ids=[row[0] for row in SEEN])
def test_what_a_server_prints_on_a_taken_port_is_understood(seen: Case) -> None:
    _, text, kind, port = seen
    found = match_bind_failure(text, [8000])
    assert found is not None
    assert (found.kind, found.port) == (kind, port)
    assert found.line in text
    assert may_match(text.encode())


@pytest.mark.parametrize("documented", DOCUMENTED, ids=[row[0] for row in DOCUMENTED])
def test_a_documented_text_is_understood(documented: Case) -> None:
    _, text, kind, port = documented
    found = match_bind_failure(text, [port or 8000])
    assert found is not None
    assert (found.kind, found.port) == (kind, port)


@PATTERN
def test_a_row_matches_its_own_sample(row: Pattern) -> None:
    assert re.search(row.regex, row.sample)
    assert any(found.kind == row.kind for line in bind_failures(row.sample) for found in line)
    assert row.kind in KINDS
