"""One module a command: collect, decide, act, report. Named arguments; returns an exit code."""
