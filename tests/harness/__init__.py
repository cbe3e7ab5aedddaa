"""What tests stand on: actors, canaries, a terminal, and readers that know nothing of devports.

Nothing here imports devports: a harness that shared its code would share its mistakes.
"""
