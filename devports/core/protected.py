"""Processes that devports never stops. Pure.

The executable decides, where it is readable; a name is free text that any process can choose, so it
only protects. A folder counts from its root or as a whole part of the path: a server in a folder
called `docker` or `code` is a server.
"""

from __future__ import annotations

from devports.core.command_line import (
    base_name,
    is_persons_shell,
    is_windows_path,
    program,
    without_exe,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from devports.core.holder_kind import CurrentUser
    from devports.core.model import Process

KERNEL_PID = 4
"""The pid of the kernel on Windows; http.sys listens for other programs in it."""

SYSTEM = "an operating system service"
SESSION = "part of a session (terminal, desktop or login)"
EDITOR = "an editor or one of its helpers"
ENGINE = "part of a container engine"
SHELL = "an interactive shell"
RELAY = "the WSL port relay"

NAMES: dict[str, str] = dict.fromkeys(
    "systemd init dbus-daemon dbus-broker dbus-broker-lau dbus-broker-launch polkitd"
    " NetworkManager wpa_supplicant avahi-daemon cupsd cron crond rsyslogd udisksd upowerd snapd"
    " accounts-daemon ModemManager bluetoothd libvirtd virtqemud auditd"
    # macOS
    " launchd kernel_task ControlCenter AirPlayXPCHelper AirPlayUIAgent rapportd sharingd"
    " mDNSResponder mDNSResponderHelper configd opendirectoryd trustd securityd distnoted"
    " cfprefsd identityservicesd coreaudiod airportd locationd remoted".split(),
    SYSTEM,
) | dict.fromkeys(
    "login agetty sshd sshd-session sshd-auth dropbear mosh-server su sudo ssh-agent gpg-agent"
    " tmux screen SCREEN zellij byobu dtach abduco"
    " gnome-terminal-server gnome-terminal- konsole kitty alacritty wezterm wezterm-gui ghostty"
    " foot xterm urxvt tilix terminator xfce4-terminal mate-terminal lxterminal qterminal ptyxis"
    " ptyxis-agent yakuake guake iTerm2 Terminal Alacritty"
    " Xorg Xwayland gnome-shell plasmashell kwin_wayland kwin_x11 sway Hyprland weston gdm gdm3"
    " sddm lightdm xfce4-session cinnamon gnome-session-binary gnome-session-b"
    " pipewire wireplumber pulseaudio gnome-keyring-daemon gnome-keyring-d"
    " WindowServer loginwindow Dock Finder SystemUIServer".split(),
    SESSION,
) | dict.fromkeys(
    "code Code code-insiders code-oss code-tunnel code-server codium VSCodium cursor Cursor"
    " windsurf Windsurf positron zed zed-editor zeditor Zed sublime_text subl vim nvim emacs"
    " idea pycharm webstorm goland clion rubymine phpstorm datagrip rustrover"
    " jetbrains-toolbox jetbrains-toolb fsnotifier cef_server".split(),
    EDITOR,
) | dict.fromkeys("containerd podman crio kubelet buildkitd".split(), ENGINE)  # fmt: skip
"""Exact names of executables or processes; the kernel cuts the latter after 15 characters
(prctl(2), PR_SET_NAME)."""

PREFIXES = {
    "systemd-": SYSTEM,
    "tmux: ": SESSION,
    "iTermServer-": SESSION,
    "Code Helper": EDITOR,
    "Cursor Helper": EDITOR,
    "containerd-": ENGINE,
}
"""Prefixes of names that end in a number or in a state of the program."""

WINDOWS = dict.fromkeys(
    "system|registry|memory compression|secure system|system idle process|smss|csrss|wininit"
    "|services|lsass|lsaiso|svchost|fontdrvhost|spoolsv|wmiprvse|dashost|wslservice|vmmem"
    "|vmmemwsl|vmcompute|vmwp|vmms|msmpeng".split("|"),
    SYSTEM,
) | dict.fromkeys(
    "winlogon|logonui|dwm|explorer|sihost|taskhostw|runtimebroker|ctfmon|searchhost"
    "|startmenuexperiencehost|shellexperiencehost|conhost|openconsole|windowsterminal|sshd"
    "|ssh-agent".split("|"),
    SESSION,
) | dict.fromkeys(
    "code|code - insiders|cursor|windsurf|vscodium|zed|devenv|idea64|pycharm64|webstorm64|goland64"
    "|clion64|rider64|rubymine64|phpstorm64|datagrip64|rustrover64|studio64".split("|"),
    EDITOR,
) | dict.fromkeys(("wslrelay", "wslhost"), RELAY)  # fmt: skip
"""Names on Windows, in lower case and without `.exe`."""

ROOTS = ("/System/", "/usr/libexec/")
"""Folders of the operating system: macOS keeps them under System Integrity Protection."""

INTERPRETERS = frozenset("python Python platform-python pypy ruby perl php node java".split())
"""Programs that run a person's server, wherever they lie: macOS has a ruby in /System, and Red Hat
keeps its Python in /usr/libexec."""

APPS = dict.fromkeys(
    ("Terminal", "iTerm", "Ghostty", "kitty", "Alacritty", "WezTerm", "Warp", "Hyper", "Tabby"),
    SESSION,
) | dict.fromkeys(
    ("Visual Studio Code", "Visual Studio Code - Insiders", "VSCodium", "Cursor", "Windsurf",
     "Positron", "Zed", "Zed Preview", "Sublime Text", "IntelliJ IDEA", "IntelliJ IDEA CE",
     "IntelliJ IDEA Ultimate", "PyCharm", "PyCharm CE", "PyCharm Professional Edition", "WebStorm",
     "GoLand", "CLion", "Rider", "RubyMine", "PhpStorm", "DataGrip", "RustRover", "Fleet",
     "Android Studio"),
    EDITOR,
)  # fmt: skip
"""Applications of macOS; their helpers lie in the same folder. Not Xcode: it contains the Python
that runs a person's servers."""

EDITOR_FOLDERS = tuple(
    "/.vscode-server/ /.vscode-server-insiders/ /.vscode-server-oss/ /.vscodium-server/"
    " /.cursor-server/ /.windsurf-server/ /.positron-server/ /.zed_server/"
    " /JetBrains/Toolbox/apps/ /JetBrains/RemoteDev/ /jbr/bin/ /android-studio/"
    " /share/code/ /share/cursor/ /share/codium/ /code-server/lib/".split()
)
"""Folders of programs that editors run remotely or as helpers: a node or a java by name."""


def protection(target: Process, viewer: CurrentUser) -> str:
    """Return why `target` is never stopped, or an empty text."""
    if target.pid <= 0 or (target.pid == KERNEL_PID and target.name == "System"):
        return "the kernel"
    if target.pid == 1:
        return "process 1 of this system"
    # kthreadd is pid 2, but in a container pid 2 is any process: kernel threads have no arguments.
    if 2 in (target.pid, target.ppid) and not target.argv and not target.exe:  # noqa: PLR2004
        return "a kernel thread"
    if target.key in viewer.line:
        return "devports itself or one of its parent processes"
    if is_persons_shell(target) and (target.job is None or target.job.terminal):
        return SHELL
    return by_place(target.exe) or by_name(names_of(target))


def names_of(process: Process) -> tuple[str, ...]:
    return (process.name, program(process))


def by_name(names: Iterable[str]) -> str:
    """Return the description of a protected process with one of these names, else empty."""
    for name in names:
        if begun := next((why for start, why in PREFIXES.items() if name.startswith(start)), ""):
            return begun
        if name in NAMES:
            return NAMES[name]
        if name.lower().endswith(".exe") and without_exe(name).lower() in WINDOWS:
            return WINDOWS[without_exe(name).lower()]
    return ""


def by_place(exe: str) -> str:
    """Return the description of a protected program by its folder, else empty."""
    if is_windows_path(exe):
        return _by_windows_path(exe)
    if any(folder in exe for folder in EDITOR_FOLDERS):
        return EDITOR
    before, app, _ = exe.partition(".app/Contents/")
    if app and before.rpartition("/")[2] in APPS:
        return APPS[before.rpartition("/")[2]]
    if base_name(exe).rstrip("0123456789.") in INTERPRETERS:
        return ""
    return SYSTEM if exe.startswith(ROOTS) else ""


def _by_windows_path(exe: str) -> str:
    name = base_name(exe).lower()
    if name in WINDOWS:
        return WINDOWS[name]
    # The launcher of Python lies in the folder of Windows, but is no part of it.
    inside = exe[2:].lower().startswith("\\windows\\")
    return SYSTEM if inside and name not in ("py", "pyw") else ""
