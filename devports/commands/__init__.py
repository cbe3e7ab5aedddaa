"""One module a command: gather, decide, act, report. Named plain arguments, an exit code back."""
