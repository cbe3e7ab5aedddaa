"""A listener that no process has open: it waits, as a message, in a unix socket (SCM_RIGHTS).

`ready` names the process that has that unix socket: with its end the listener is gone.
"""

from __future__ import annotations

import socket

import stage

args = stage.arguments(__doc__).parse_args()
sock = stage.listening(args.host, args.port)
sender, receiver = socket.socketpair()
socket.send_fds(sender, [b"x"], [sock.fileno()])
sock.close()
stage.ready()
stage.until_the_end(stay=args.stay)
receiver.close()
