"""`devports run SERVICE --debug`: the same service, under the debugger it declares."""

from __future__ import annotations

from devports.core.command_line import PACKAGE_RUNNERS, Script, under_debugger
from devports.core.service import Config, Service, fill, values_for, words_of
from devports.errors import DevportsError
from devports.system import programs


def with_debugger(service: Service, config: Config) -> Service:
    """Return the service with a command that starts it under its debugger.

    Raises:
        DevportsError: it declares none, or cannot be started under it.
    """
    debugger = service.vscode.debug
    if not debugger:
        raise DevportsError(
            "no-debugger",
            f"`{service.name}` declares no debugger",
            hints=(f'add `debug = "debugpy"` or `"node"` to `[services.{service.name}.vscode]`',),
            service=service.name,
        )
    words = () if service.shell else words_of(service)
    command = under_debugger(words, debugger, script_of(service, words, config)) if words else None
    if command is None:
        raise not_debuggable(service, words)
    return service.replace(command=command)


def script_of(service: Service, words: tuple[str, ...], config: Config) -> Script | None:
    """Return the kind of script that the first word of a command is, if it is one."""
    found = program_of(service, words[0], config)
    interpreter = programs.interpreter(found) if found else ()
    return Script(interpreter, found) if interpreter else None


def program_of(service: Service, word: str, config: Config) -> str:
    """Return the file that the first word of a command would start; empty if there is none."""
    values = values_for(service, config, fd="3")
    path = programs.path_of(service.env)
    return programs.find_program(fill(word, values), fill(service.cwd, values), path)


def not_debuggable(service: Service, words: tuple[str, ...]) -> DevportsError:
    """Return why a command cannot be started under a debugger, and which ones can."""
    debugger, name = service.vscode.debug, service.name
    hint = {
        "debugpy": 'begin `command` with "python", or with a command of the same environment',
        "node": 'begin `command` with "node": "node node_modules/vite/bin/vite.js ..."',
    }[debugger]
    note = ""
    if service.shell:
        note = "with `shell = true` devports cannot add the debugger"
    elif words and words[0] in PACKAGE_RUNNERS:
        note = f"`{words[0]}` starts several programs, which would all use the debugger's port"
    return DevportsError(
        "not-debuggable",
        f"cannot start `{name}` under {debugger}",
        note=note,
        hints=(hint,),
        service=name,
    )
