"""A listener in state D that no signal reaches, as one is that waits for a dead network disk.

It asks a FUSE file system for something which that never answers; a request that has been taken
cannot be interrupted (request_wait_answer in the kernel's fs/fuse/dev.c). `ready` names the file
system and the listener. With the file system ends the wait, whoever ends it: nothing is left.
Needs root, and a mount namespace keeps the mount to ourselves.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import struct
import sys
import tempfile

import stage

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
ANSWER = struct.Struct("=IiQ")
INIT = struct.Struct("=IIII HHI IHH 32x")
LARGEST, MNT_DETACH = 1 << 20, 2

parser = stage.arguments(__doc__)
parser.add_argument("--asking", default="", help="the listener itself: the folder to ask for")
args = parser.parse_args()
libc = ctypes.CDLL(None, use_errno=True)


def must(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(folder: str) -> int:
    """Mount a file system in a namespace of our own; return the end that has to answer."""
    kernel = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={kernel},rootmode=40000,user_id=0,group_id=0".encode()
    must(libc.unshare(CLONE_NEWNS))
    must(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    must(libc.mount(b"never", folder.encode(), b"fuse.never", 0, options))
    number = struct.unpack_from("=IIQ", os.read(kernel, LARGEST))[2]
    body = INIT.pack(7, 31, 0, 0, 1, 1, 4096, 1, 1, 0)
    os.write(kernel, ANSWER.pack(ANSWER.size + len(body), 0, number) + body)
    return kernel


def ask(folder: str) -> None:
    """Listen, then wait for ever; the first signal makes the wait one that no other can end."""
    sock = stage.listening(args.host, args.port)
    signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
    with contextlib.suppress(OSError):
        os.stat(folder)
    sock.close()


def state_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


if args.asking:
    ask(args.asking)
    sys.exit()
folder = tempfile.mkdtemp(prefix="devports-never-")
kernel = mount(folder)
# Another command line than ours: so it is no worker of ours, and we are not ended in its place.
words = [sys.executable, __file__, str(args.port), "--host", args.host, "--asking", folder]
child = os.spawnv(os.P_NOWAIT, sys.executable, words)
os.read(kernel, LARGEST)  # the child's question: taken, and never answered
os.kill(child, signal.SIGUSR1)  # noqa: TID251  # our own child, not reaped
while state_of(child) != "D":
    select.select([], [], [], 0.005)
stage.ready(child)
stage.until_the_end(stay=args.stay)
os.close(kernel)
os.waitpid(child, 0)
must(libc.umount2(folder.encode(), MNT_DETACH))
os.rmdir(folder)
