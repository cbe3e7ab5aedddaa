"""Commands of ours that are named in advice: they act on the configuration that was acted on.

Whoever writes a hint names the service and no file; who shows it adds the file that `--config`
named, so that a command that is copied does not act on another configuration, or on none.
"""

from __future__ import annotations

from devports.core.text import quote

ABOUT_PROJECT = ("run", "status", "doctor", "init", "vscode", "validate")
"""Commands that read or write a configuration, whatever stands behind them."""
ABOUT_TARGETS = ("free", "check", "wait")
"""Commands that read one for a service, and none for a port."""
NAMES = ("devports ", 'sudo "$(command -v devports)" ')


def completed(text: str, config: str) -> str:
    """Return `text` with the commands of ours in its backticks as `with_config` gives them."""
    if not config or text.count("`") % 2:
        return text
    parts = text.split("`")
    parts[1::2] = [with_config(part, config) for part in parts[1::2]]
    return "`".join(parts)


def with_config(command: str, config: str) -> str:
    """Return a command of ours that acts on the file `config`; every other as it is.

    The words behind a ``--`` are a server's own: nothing is added to those.
    """
    name = next((name for name in NAMES if command.startswith(name)), "")
    ours, dashes, servers = command.partition(" -- ")
    words = ours[len(name) :].split(" ")
    if not (config and name and _reads(words)):
        return command
    return f"{ours} --config {quote(config)}{dashes}{servers}"


def _reads(words: list[str]) -> bool:
    """Say whether these words of ours, the command first, want a configuration and name none."""
    command, *more = words
    if "--config" in more or "--help" in more:
        return False
    targets = [word for word in more if not word.startswith("-")]
    named = not targets or not all(map(_is_port, targets))
    return command in ABOUT_PROJECT or (command in ABOUT_TARGETS and named)


def _is_port(word: str) -> bool:
    """Say whether a target is a port or an address, as `parse_target` takes it."""
    return word.isdecimal() or ":" in word
