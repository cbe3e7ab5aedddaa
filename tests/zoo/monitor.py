"""A container's monitor by its first words (--as conmon -c ID -n NAME), above a plain listener.

With a command behind `--` it runs that too, as inside the same container, and ends with its status.
"""

from __future__ import annotations

import os
import subprocess
import sys

import stage

PYTHON = "ZOO_PYTHON"
"""A variable with the path of the interpreter."""

parser = stage.arguments(__doc__)
parser.add_argument("--as", dest="name", default="")
for word in ("-c", "-n", "-namespace", "-id"):
    parser.add_argument(word, help="a word of a monitor's, without effect")
at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
args, command = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
if args.name:
    called = sys.argv.index("--as")
    words = [args.name, __file__, *sys.argv[1:called], *sys.argv[called + 2 :]]
    # Python looks for its library, and for itself, beside the name it was called by.
    own = {"PYTHONHOME": sys.base_prefix, PYTHON: sys.executable}
    os.execve(sys.executable, words, {**os.environ, **own})
python = os.environ.get(PYTHON, sys.executable)
environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
listener = os.path.join(os.path.dirname(__file__), "listener.py")
server = subprocess.Popen(
    [python, listener, str(args.port), "--host", args.host],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    env=environment,
)
assert server.stdin is not None
assert server.stdout is not None
assert server.stdout.readline() == f"ready {server.pid}\n".encode()
if command:
    done = subprocess.run(command, env=environment, check=False).returncode
else:
    stage.ready(server.pid)
    done = 0
    stage.until_the_end(stay=args.stay)
server.stdin.close()
server.wait()
sys.exit(done)
