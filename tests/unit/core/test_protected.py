"""Who is never ended: by what was executed, by where it lies, and by name only to refuse."""

from __future__ import annotations

import pytest

from devports.core.classify import classify_holder
from devports.core.command_line import program
from devports.core.holder_kind import CurrentUser, OrdinaryProcess, Protected, RunInfo
from devports.core.model import JobControl, Process, ProcessKey
from devports.core.protected import EDITOR, ENGINE, RELAY, SESSION, SHELL, SYSTEM, protection

ME = CurrentUser(1000, 1000, (ProcessKey(70, 1), ProcessKey(71, 1)))
RUN = RunInfo(ProcessKey(60, 1), "backend", "/srv")
OURSELVES = "devports itself or one of its parent processes"


def process(pid: int = 60, **facts: object) -> Process:
    return Process(ProcessKey(pid, 1), 40, 1000, "lana", "node", ("node", "a.js")).replace(**facts)


TYPED = JobControl(60, 60, 34816)


def named(name: str, exe: str = "") -> Process:
    return process(name=name, exe=exe, argv=(name,))


PROTECTED = [
    pytest.param(process(0), "the kernel", id="pid 0, which kill(2) takes for a group"),
    pytest.param(process(-1), "the kernel", id="no pid at all"),
    pytest.param(process(4, name="System", argv=()), "the kernel", id="Windows' kernel"),
    pytest.param(process(1), "process 1 of this system", id="init"),
    pytest.param(process(2, argv=()), "a kernel thread", id="kthreadd"),
    pytest.param(process(ppid=2, argv=()), "a kernel thread", id="a child of kthreadd"),
    pytest.param(process(70), OURSELVES, id="self"),
    pytest.param(process(71), OURSELVES, id="my shell"),
    pytest.param(process(exe="/System/Library/x"), SYSTEM, id="a program of macOS"),
    pytest.param(process(exe="/usr/libexec/rapportd2"), SYSTEM, id="a helper of macOS"),
    pytest.param(
        process(exe="/System/Library/CoreServices/ControlCenter.app/Contents/MacOS/ControlCenter"),
        SYSTEM, id="the AirPlay Receiver",
    ),
    pytest.param(named("-zsh").replace(job=TYPED), SHELL, id="a shell at a terminal"),
    pytest.param(process(argv=("bash", "-i"), exe="/bin/bash").replace(job=TYPED), SHELL,
                 id="a shell that was told to be interactive"),
    pytest.param(named("pwsh.exe", "C:\\Program Files\\PowerShell\\7\\pwsh.exe"), SHELL,
                 id="a shell where terminals are not told"),
    pytest.param(named("x", "/usr/bin/tmux"), SESSION, id="a tmux that calls itself otherwise"),
    pytest.param(named("tmux: server"), SESSION, id="tmux"),
    pytest.param(named("gnome-terminal-"), SESSION, id="a terminal whose name is cut"),
    pytest.param(named("iTermServer-3.5.1"), SESSION, id="iTerm's own multiplexer"),
    pytest.param(named("systemd-resolve"), SYSTEM, id="a service of systemd, its name cut"),
    pytest.param(named("containerd-shim-runc-v2"), ENGINE, id="a container's shim"),
    pytest.param(named("Code Helper (Plugin)"), EDITOR, id="a helper of VS Code on macOS"),
    pytest.param(named("node", "/home/l/.vscode-server/bin/a/node"), EDITOR, id="VS Code's server"),
    pytest.param(named("node", "/home/l/.cursor-server/bin/a/node"), EDITOR, id="Cursor's server"),
    pytest.param(named("node", "/usr/lib/code-server/lib/node"), EDITOR, id="code-server's node"),
    pytest.param(
        named("java", "/opt/JetBrains/Toolbox/apps/idea/jbr/bin/java"), EDITOR, id="IDEA's java"
    ),
    pytest.param(
        named("electron", "/Applications/Visual Studio Code.app/Contents/MacOS/Electron"), EDITOR,
        id="VS Code on macOS",
    ),
    pytest.param(
        named("kitty", "/Users/l/Applications/kitty.app/Contents/MacOS/kitty"), SESSION,
        id="a terminal in one's own Applications",
    ),
    pytest.param(
        named("svchost.exe", "C:\\Windows\\System32\\svchost.exe"), SYSTEM, id="a Windows service"
    ),
    pytest.param(named("svchost.exe"), SYSTEM, id="a Windows service whose path is unreadable"),
    pytest.param(named("LSASS.EXE"), SYSTEM, id="a Windows service in capitals"),
    pytest.param(named("x.exe", "D:\\WINDOWS\\x.exe"), SYSTEM, id="anything in Windows' folder"),
    pytest.param(
        named("Code.exe", "C:\\Users\\l\\AppData\\Local\\Programs\\Microsoft VS Code\\Code.exe"),
        EDITOR, id="VS Code on Windows",
    ),
    pytest.param(named("explorer.exe", "C:\\Windows\\explorer.exe"), SESSION, id="the desktop"),
    pytest.param(
        named("wslrelay.exe", "C:\\Program Files\\WSL\\wslrelay.exe"), RELAY, id="WSL's relay"
    ),
    *(
        pytest.param(named(name), reason, id=f"named {name}")
        for reason, names in (
            (SYSTEM, "systemd launchd ControlCenter AirPlayXPCHelper dbus-daemon NetworkManager"),
            (SESSION, "sshd sshd-session screen zellij konsole foot alacritty gnome-shell Xorg"),
            (EDITOR, "code cursor codium zed nvim idea"),
            (ENGINE, "containerd podman kubelet"),
        )
        for name in names.split()
    ),
]  # fmt: skip


@pytest.mark.parametrize(("target", "reason"), PROTECTED)
def test_what_is_protected_stays_so_for_root_and_for_our_own_runs(
    target: Process, reason: str
) -> None:
    for viewer in (ME, ME.replace(uid=0)):
        assert protection(target, viewer) == reason
        assert classify_holder(target, viewer, RUN) == Protected(reason)


ORDINARY = [
    pytest.param(process(2), id="pid 2 of a container, which has arguments"),
    pytest.param(process(ppid=2), id="a child of pid 2 in a container"),
    pytest.param(process(4, name="node"), id="pid 4 of a container"),
    pytest.param(process(70).replace(key=ProcessKey(70, 2)), id="a pid of our line, used again"),
    pytest.param(named("bash").replace(job=JobControl(60, -1, 0)), id="a shell without a terminal"),
    pytest.param(process(argv=("bash", "serve.sh"), exe="/bin/bash").replace(job=TYPED),
                 id="a script of a shell, at a terminal"),
    pytest.param(named("encoder"), id="a name that only ends like one"),
    pytest.param(named("codebase"), id="a name that only begins like one"),
    pytest.param(named("System"), id="a server called System"),
    pytest.param(named("services"), id="a name of Windows elsewhere"),
    pytest.param(named("node", "/usr/local/libexec/x"), id="a folder named alike"),
    pytest.param(named("x", "/Systems/x"), id="a folder that only begins like one"),
    pytest.param(named("x", "/home/l/code/x"), id="a project in a folder called code"),
    pytest.param(named("x", "/home/l/JetBrains/shop/x"), id="a project in a folder of that name"),
    pytest.param(named("x", "/srv/docker/tmux/x"), id="a project in folders called so"),
    pytest.param(named("x", "/srv/System/Library/x"), id="the folder of a system, not at the root"),
    pytest.param(
        named("ruby", "/System/Library/Frameworks/Ruby.framework/Versions/2.6/usr/bin/ruby"),
        id="a server that runs on the ruby of macOS",
    ),
    pytest.param(
        named("python3", "/usr/libexec/platform-python3.6"), id="a server on Red Hat's Python"
    ),
    pytest.param(
        named("Python", "/Applications/Xcode.app/Contents/Developer/Library/Frameworks/Python3"
              ".framework/Versions/3.9/Resources/Python.app/Contents/MacOS/Python"),
        id="a server on the Python of Xcode",
    ),
    pytest.param(named("py.exe", "C:\\Windows\\py.exe"), id="the launcher of Python on Windows"),
    pytest.param(
        named("node.exe", "C:\\Program Files\\nodejs\\node.exe"), id="a server on Windows"
    ),
    pytest.param(named("x.exe", "C:\\dev\\Windows\\x.exe"), id="a folder called Windows"),
    pytest.param(named("x", "/srv/a\\Windows\\code"), id="a backslash where it is a letter"),
]  # fmt: skip


@pytest.mark.parametrize("target", ORDINARY)
def test_what_only_looks_protected_is_not(target: Process) -> None:
    assert protection(target, ME) == ""
    assert classify_holder(target, ME, None) == OrdinaryProcess()


@pytest.mark.parametrize(
    ("target", "name"),
    [
        pytest.param(process(exe="/usr/bin/python3.11"), "python3.11", id="what it executes"),
        pytest.param(process(argv=("/opt/node", "a.js")), "node", id="else its first word"),
        pytest.param(process(argv=()), "node", id="else its name"),
        pytest.param(process(argv=("/odd/",)), "node", id="a folder is no program"),
        pytest.param(process(exe="C:\\x\\Code.EXE"), "Code", id="a path of Windows"),
        pytest.param(process(exe="\\\\nas\\x\\node.exe"), "node", id="a share of Windows"),
        pytest.param(process(name="svchost.exe", argv=()), "svchost", id="a name of Windows"),
        pytest.param(process(exe="/srv/a\\b"), "a\\b", id="a backslash elsewhere"),
        pytest.param(process(exe="/srv/x.exe"), "x.exe", id="a name with .exe elsewhere"),
    ],
)
def test_a_program_is_named_by_the_best_evidence(target: Process, name: str) -> None:
    assert program(target) == name
