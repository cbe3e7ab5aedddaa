"""Prints what `netstat -anv -p tcp` of macOS would print about this machine.

`python macos_netstat.py FORM`: the form is that of a release (15, 26), or
one that a later release might have.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import psutil

STATES = {"FIN_WAIT1": "FIN_WAIT_1", "FIN_WAIT2": "FIN_WAIT_2", "SYN_RECV": "SYN_RCVD"}
HEAD = "Proto Recv-Q Send-Q  Local Address  Foreign Address  (state) rxbytes txbytes rhiwat shiwat"
REST = "state options gencnt flags flags1 usecnt rtncnt fltrs"
NUMBERS = "0 0 131072 131072"
TAIL = "00100 00000006 00000000000f1c22 00000081 00000800 1 0 000001"


def end(address: Any) -> str:
    if not address:
        return "*.*"
    return f"{'*' if address[0] in ('0.0.0.0', '::') else address[0]}.{address[1]}"


def line(found: Any, form: str) -> str:
    v6 = ":" in found.laddr[0]
    kind = "tcp4" if not v6 else "tcp46" if found.laddr[0] == "::" else "tcp6"
    pid = found.pid or 0
    name = psutil.Process(pid).name() if pid else ""
    cells = {"15": f"{pid} 0", "no colon": f"{name} {pid}"}
    cell = cells.get(form, f"{name}:{pid}")
    state = STATES.get(found.status, found.status)
    if form == "LISTENING":
        state = state.replace("LISTEN", "LISTENING")
    middle = (cell, NUMBERS) if form == "swapped" else (NUMBERS, cell)
    tail = f"{TAIL} 0" if form == "a column more" else TAIL
    return " ".join((kind, "0 0", end(found.laddr), end(found.raddr), state, *middle, tail))


def main(form: str) -> None:
    print("Active Internet connections (including servers)")
    print(HEAD, "pid epid" if form == "15" else "process:pid", REST)
    for found in psutil.net_connections("tcp"):
        with contextlib.suppress(psutil.Error):  # it has exited
            print(line(found, form))


if __name__ == "__main__":
    main(sys.argv[1])
