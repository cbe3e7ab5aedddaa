"""A master that listens, and a worker of another user (--uid) that has the socket too: as nginx.

The worker is another program, so that its user may look into it.
"""

from __future__ import annotations

import os

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--uid", type=int, required=True)
args = parser.parse_args()
sock = stage.listening(args.host, args.port)
ran, runs = os.pipe()
worker = stage.fork()
if worker == 0:
    os.set_inheritable(sock.fileno(), True)
    os.setgroups([])
    os.setgid(args.uid)
    os.setuid(args.uid)
    os.execvp("cat", ["cat"])  # it ends when stdin closes
os.close(runs)
os.read(ran, 1)  # its end is closed by the exec
stage.ready(worker)
stage.until_the_end(stay=args.stay)
