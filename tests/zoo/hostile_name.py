"""A listener whose name and command line attack the reader's terminal.

The words after the port are its own invention; its short name is set where the kernel has one.
"""

from __future__ import annotations

import os
import sys

import stage

WORDS = (
    *(":smile:", "[red]x[/red]", "\x1b]0;owned\x07", "\x1b]52;c;b3duZWQ=\x07", "two\nlines"),
    *("\u202eesrever", "--password=hunter2", "postgres://u:hunter2@db/app", "\x9b31m"),
)
COMM = b"a) Z 1\n\x1b[31m[b]"

if "--named" not in sys.argv:
    os.execv(sys.executable, [sys.executable, __file__, *sys.argv[1:], "--named", *WORDS])
parser = stage.arguments(__doc__)
parser.add_argument("--comm", type=os.fsencode, default=COMM, help="its short name")
parser.add_argument("--folder", default="/", help="where it works")
args, _words = parser.parse_known_args()
os.chdir(args.folder)
if os.path.exists("/proc/self/comm"):
    with open("/proc/self/comm", "wb") as comm:
        comm.write(args.comm)
sock = stage.listening(args.host, args.port)
stage.ready()
stage.until_the_end(stay=args.stay)
