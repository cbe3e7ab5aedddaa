"""A program that serves the port after PORT itself, and has a child that serves PORT.

Another way to be a parent than a pre-fork server's: it never held the child's port.
"""

from __future__ import annotations

import multiprocessing
import os

import stage


def serve(host: str, port: int, ready: object, *, stay: bool) -> None:
    """Listen, say so, and wait."""
    stage.limit_life()
    with stage.listening(host, port):
        ready.send(os.getpid())  # type: ignore[attr-defined]
        stage.until_the_end(stay=stay)


if __name__ == "__main__":
    parser = stage.arguments(__doc__)
    parser.add_argument("--method", default="fork", choices=["fork", "spawn"])
    args = parser.parse_args()
    made = multiprocessing.get_context(args.method)
    answers, answer = made.Pipe(duplex=False)
    words = (args.host, args.port, answer)
    child = made.Process(target=serve, args=words, kwargs={"stay": True}, daemon=True)
    child.start()
    served = answers.recv()
    with stage.listening(args.host, args.port + 1):
        stage.ready(served)
        stage.until_the_end(stay=args.stay)
    child.kill()
