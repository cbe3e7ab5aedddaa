"""A listener whose name and command line attack the reader's terminal.

The words after the port are its own invention; its short name is set where the kernel has one.
"""

from __future__ import annotations

import os
import sys

import stage

WORDS = ("\x1b]0;owned\x07", "[red]x[/red]", "two\nlines", "\u202eesrever", "--password=hunter2")
COMM = b"a) Z 1\n\x1b[31m[b]"

if "--named" not in sys.argv:
    os.execv(sys.executable, [sys.executable, __file__, *sys.argv[1:], "--named", *WORDS])
args, _words = stage.arguments(__doc__).parse_known_args()
if os.path.exists("/proc/self/comm"):
    with open("/proc/self/comm", "wb") as comm:
        comm.write(COMM)
sock = stage.listening(args.host, args.port)
stage.ready()
stage.until_the_end(stay=args.stay)
