"""Whom did a command signal? The kernel's own protocol of it, through strace(1)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.harness.command import Command, Done

CALLS = "kill,tgkill,tkill,pidfd_send_signal,pidfd_open"
LINE = re.compile(r"^(?P<sender>\d+) +(?P<call>\w+)\((?P<arguments>[^)]*)\) += (?P<result>-?\d+)")
RESUMED = re.compile(r"^(?P<sender>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")
UNFINISHED = re.compile(r"^(?P<sender>\d+) +(?P<start>.*) <unfinished \.\.\.>$")


@dataclass(frozen=True)
class Sent:
    """One signal sent, by whichever process of the command's tree. `ok`: the kernel took it."""

    sender: int
    target: int
    signal: str
    call: str
    ok: bool


def strace_signals(
    command: Command, *words: object, log: str, follow: bool = True
) -> tuple[Done, list[Sent]]:
    """Run `command` under strace; return how it ended and every signal that was sent.

    Signal 0 only asks and is left out; a signal that a process sends to itself (raise(3)) too.
    Unless `follow`, the programs that it starts are not traced: an engine may signal its own.
    """
    traced = command.under(
        "strace", *(["-f"] if follow else []), "-qq", "-e", f"trace={CALLS}", "-o", log, "--"
    )
    done = traced(*words)
    with open(log, encoding="utf-8", errors="replace") as protocol:
        text = protocol.read()
    # Without -f it names no sender.
    return done, parse(text if follow else "".join(f"0 {line}" for line in text.splitlines(True)))


def parse(protocol: str) -> list[Sent]:
    """Read strace's protocol; interrupted calls are put together again first."""
    pidfds: dict[int, int] = {}
    sent = []
    for line in _whole(protocol):
        match = LINE.match(line)
        if match is None:
            continue
        arguments = [part.strip() for part in match["arguments"].split(",")]
        sender, result = int(match["sender"]), int(match["result"])
        if match["call"] == "pidfd_open":
            pidfds[result] = int(arguments[0])
            continue
        target, number = _target(match["call"], arguments, pidfds)
        if number != "0" and target != sender:
            sent.append(Sent(sender, target, number, match["call"], result == 0))
    return sent


def _target(call: str, arguments: list[str], pidfds: dict[int, int]) -> tuple[int, str]:
    if call == "pidfd_send_signal":
        return pidfds.get(int(arguments[0]), -1), arguments[1]
    return int(arguments[0]), arguments[2 if call == "tgkill" else 1]


def _whole(protocol: str) -> list[str]:
    begun: dict[str, str] = {}
    lines = []
    for line in protocol.splitlines():
        if start := UNFINISHED.match(line):
            begun[start["sender"]] = f"{start['sender']} {start['start']}"
        elif rest := RESUMED.match(line):
            lines.append(begun.pop(rest["sender"], "") + rest["rest"])
        else:
            lines.append(line)
    return lines


def refusing(call: str, error: str, *, when: str = "") -> list[str]:
    """Return the words that run a program with one system call failing (strace's tampering)."""
    times = f":when={when}" if when else ""
    injected = f"inject={call}:error={error}{times}"
    return ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", injected, "--"]
