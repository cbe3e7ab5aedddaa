"""A server that binds without SO_REUSEADDR: refused by any hold on the port, and by TIME_WAIT.

Refused, it ends; with --lives-on it says so and lives, and never tries again; with --moves it says
so and takes the next port.
"""

from __future__ import annotations

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--lives-on", action="store_true")
parser.add_argument("--moves", action="store_true")
args = parser.parse_args()
try:
    sock = stage.listening(args.host, args.port, reuse=False)
except OSError as error:
    if not (args.lives_on or args.moves):
        raise
    print(
        error if args.lives_on else f"Port {args.port} is in use, trying another one...", flush=True
    )
    if args.lives_on:
        stage.until_the_end(stay=args.stay)
    sock = stage.listening(args.host, args.port + 1, reuse=False)
stage.ready()
stage.until_the_end(stay=args.stay)
