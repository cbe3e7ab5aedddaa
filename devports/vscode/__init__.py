"""VS Code: tasks.json and launch.json as data, generated from a template and merged. Pure.

Every function takes texts and returns texts; `commands.vscode` reads and `system.files` writes the
files. The behaviour of VS Code was measured: docs/vscode.md describes it, tests/vscode repeats it.
"""
