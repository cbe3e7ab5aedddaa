"""A server with a terminal inside, as notebooks have one: a person's shell is below it.

With --give the shell inherits the listener and the server closes its own. `--type WORDS` are typed
into the shell, which prints no ready line of its own.
"""

from __future__ import annotations

import contextlib
import os
import pty
import threading

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--give", action="store_true")
parser.add_argument("--type", default="")
args = parser.parse_args()

sock = stage.listening(args.host, args.port)
sock.set_inheritable(args.give)
shell, terminal = pty.fork()
if shell == 0:
    os.environ.update(HISTFILE="", PS1="$ ")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
if args.give:
    sock.close()


def drain() -> None:
    with contextlib.suppress(OSError):
        while os.read(terminal, 1024):
            pass


os.read(terminal, 1)  # its prompt: it is a shell by now
threading.Thread(target=drain, daemon=True).start()
if args.type:
    os.write(terminal, args.type.encode() + b"\n")
stage.ready(shell)
stage.until_the_end(stay=args.stay)
