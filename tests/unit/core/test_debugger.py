"""A command is changed so that it runs under a debugger, or it is said that it cannot be."""

from __future__ import annotations

import pytest

from devports.core.command_line import ADDRESS, Script, debugger_of, under_debugger

DEBUGPY = ("-Xfrozen_modules=off", "-m", "debugpy", "--listen", ADDRESS)
INSPECT = f"--inspect={ADDRESS}"
OF_VENV = Script(("/v/bin/python3",), "/v/bin/uvicorn")
OF_NODE = Script(("node",), "/p/node_modules/.bin/vite")

PYTHON = [
    pytest.param("python main.py", None, ("python", *DEBUGPY, "main.py"), id="a file"),
    pytest.param("/v/bin/python3.12 -m app", None, ("/v/bin/python3.12", *DEBUGPY, "-m", "app"),
                 id="a module"),
    pytest.param("python -u -W error -X dev main.py x", None,
                 ("python", "-u", "-W", "error", "-X", "dev", *DEBUGPY, "main.py", "x"),
                 id="behind the options of Python itself"),
    pytest.param("pypy3 main.py", None, ("pypy3", *DEBUGPY, "main.py"), id="another Python"),
    pytest.param("python -um app", None, ("python", "-u", *DEBUGPY, "-m", "app"),
                 id="a module behind letters that stand together"),
    pytest.param("python -c pass", None, ("python", *DEBUGPY, "-c", "pass"), id="a text"),
    pytest.param("python -u", None, None, id="Python that runs nothing"),
    pytest.param("uvicorn main:app --port {port}", OF_VENV,
                 ("/v/bin/python3", *DEBUGPY, "/v/bin/uvicorn", "main:app", "--port", "{port}"),
                 id="a command of an environment, by the Python of its first line"),
    pytest.param("uv run uvicorn main:app", None,
                 ("uv", "run", "python", *DEBUGPY, "-m", "uvicorn", "main:app"),
                 id="a module behind uv"),
    pytest.param("poetry run python main.py", None,
                 ("poetry", "run", "python", *DEBUGPY, "main.py"), id="Python behind poetry"),
    pytest.param("uv run serve", None, None, id="who knows what behind uv"),
    pytest.param("uv sync", None, None, id="another command of uv"),
    pytest.param("serve", None, None, id="a program"),
    pytest.param("serve", Script(("/bin/sh",), "/bin/serve"), None, id="a shell script"),
    pytest.param("npm run dev", OF_NODE, None, id="a program of node"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "script", "expected"), PYTHON)
def test_debugpy(command: str, script: Script | None, expected: tuple[str, ...] | None) -> None:
    assert under_debugger(tuple(command.split()), "debugpy", script) == expected


NODE = [
    pytest.param("node server.js", None, ("node", INSPECT, "server.js"), id="a file"),
    pytest.param("nodemon x", OF_NODE, ("nodemon", INSPECT, "x"), id="what passes it on"),
    pytest.param("vite --port 1", OF_NODE,
                 ("node", INSPECT, "/p/node_modules/.bin/vite", "--port", "1"),
                 id="a script of node"),
    pytest.param("npm run dev", Script(("node",), "/usr/bin/npm"), None,
                 id="npm, a program of node that starts several"),
    pytest.param("serve", None, None, id="who knows what"),
    pytest.param("uvicorn x", OF_VENV, None, id="a script of Python"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "script", "expected"), NODE)
def test_node(command: str, script: Script | None, expected: tuple[str, ...] | None) -> None:
    assert under_debugger(tuple(command.split()), "node", script) == expected


def test_the_debugger_listens_on_loopback_whatever_the_host_is() -> None:
    assert ADDRESS.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("command", "where"),
    [
        pytest.param("node --inspect x.js", "127.0.0.1:9229", id="node's own port"),
        pytest.param("node --inspect-brk=9230 x.js", "127.0.0.1:9230", id="another port"),
        pytest.param("node --inspect=0.0.0.0:9230 x.js", "0.0.0.0:9230", id="and address"),
        pytest.param("node --inspect=[::1]:9230 x.js", "[::1]:9230", id="of IPv6"),
        pytest.param("node --inspect=0 x.js", "None", id="any port"),
        pytest.param("node --inspect=box:9230 x.js", "None", id="a name that has to be resolved"),
        pytest.param("python -m debugpy --listen 5678 x.py", "127.0.0.1:5678", id="debugpy"),
        pytest.param(
            "python -m debugpy --listen localhost:5678 x.py", "127.0.0.1:5678", id="by a name"
        ),
        pytest.param("python -m debugpy --listen", "None", id="debugpy without its port"),
        pytest.param("serve --listen 5678", "None", id="an option of that name of another program"),
        pytest.param("uvicorn main:app", "None", id="no debugger"),
    ],
)
def test_where_a_debugger_is_to_listen_is_read_off_the_command(command: str, where: str) -> None:
    assert str(debugger_of(command.split())) == where
