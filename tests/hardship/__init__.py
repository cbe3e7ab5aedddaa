"""Hardship for the installed package: system calls that fail, SIGKILL anywhere, many cycles.

See `python -m tests.hardship --help`. Linux with strace(1) only.
"""
