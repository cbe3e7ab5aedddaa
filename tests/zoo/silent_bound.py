"""Like a reloading server whose app cannot be imported: the parent binds, the child dies.

Nothing ever listens, and the parent waits for a change that does not come.
"""

from __future__ import annotations

import os
import sys

import stage

args = stage.arguments(__doc__).parse_args()
sock = stage.tcp(args.host)
sock.bind((args.host, args.port))
sock.set_inheritable(True)
child = stage.fork()
if child == 0:
    sys.stderr.write("ModuleNotFoundError: No module named 'nosuchmodule'\n")
    sys.stderr.flush()
    os._exit(1)
os.waitpid(child, 0)
stage.ready()
stage.until_the_end(stay=args.stay)
