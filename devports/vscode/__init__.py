"""VS Code: tasks.json and launch.json as data, made from a template and merged with care. Pure.

Everything here takes texts and gives texts back; `commands.vscode` reads and
`system.files` writes them. What VS Code makes of the files was seen in a real one:
docs/vscode.md tells, and tests/vscode plays it again.
"""
