"""Every shape a holder can have: started for real, freed by the command, judged by a bind.

`python -m tests.shapes` prints the table; `tests/e2e/test_shapes.py` asserts on the same trials.
Like the harness it imports nothing of devports.
"""
