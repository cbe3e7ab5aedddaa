"""Texts of tasks.json and launch.json as people write them, and changes of their layout.

Each was written for this test, after habits that are seen in public projects.
"""

from __future__ import annotations

import itertools
import random
import re

from tests.harness import jsonc

TASKS = {
    "an empty object": "{}",
    "an empty object on two lines": "{\n}\n",
    "a version alone": '{\n    "version": "2.0.0"\n}\n',
    "an empty list": '{\n    "version": "2.0.0",\n    "tasks": []\n}\n',
    "an empty list on two lines": '{\n  "version": "2.0.0",\n  "tasks": [\n  ]\n}\n',
    "nothing but a comment in the list": (
        '{\n\t"version": "2.0.0",\n\t"tasks": [\n\t\t// none yet\n\t]\n}\n'
    ),
    "what VS Code itself writes": """\
{
\t// See https://go.microsoft.com/fwlink/?LinkId=733558
\t// for the documentation about the tasks.json format
\t"version": "2.0.0",
\t"tasks": [
\t\t{
\t\t\t"label": "echo",
\t\t\t"type": "shell",
\t\t\t"command": "echo Hello"
\t\t}
\t]
}
""",
    "npm and a default build": """\
{
  "version": "2.0.0",
  "tasks": [
    {
      "type": "npm",
      "script": "build",
      "group": { "kind": "build", "isDefault": true },
      "problemMatcher": ["$tsc"],
      "label": "npm: build",
      "detail": "tsc -p ."
    },
    { "type": "npm", "script": "watch", "isBackground": true, "problemMatcher": "$tsc-watch" }
  ]
}
""",
    "one line": '{"version":"2.0.0","tasks":[{"label":"a","command":"b"},{"label":"c"}]}',
    "one line with blanks": '{ "version": "2.0.0", "tasks": [ { "label": "a", "command": "b" } ] }\n',
    "commas first": """\
{ "version": "2.0.0"
, "tasks":
  [ { "label": "a", "command": "make a" }
  , { "label": "b", "command": "make b" }
  ]
}
""",
    "braces on their own lines": """\
{
    "version": "2.0.0",
    "tasks":
    [
        {
            "label": "build",
            "command": "dotnet",
            "args":
            [
                "build",
                "${workspaceFolder}/App.csproj"
            ],
            "problemMatcher": "$msCompile"
        }
    ]
}
""",
    "trailing commas everywhere": """\
{
  "version": "2.0.0",
  "tasks": [
    {
      "label": "lint",
      "command": "ruff",
      "args": ["check", ".",],
      "presentation": {"reveal": "silent",},
    },
    {
      "label": "test",
      "command": "pytest",
    },
  ],
}
""",
    "comments behind everything": """\
// top
{ // open
  "version": "2.0.0", // the version
  /* before the list */ "tasks": [ // the list
    // the first
    { // its brace
      "label": "a", // its label
      "command": "b" // no comma
    } /* between */ , // after the comma
    /* the second */
    { "label": "c" /* inside */ } // the last
    // end of the list
  ] // closed
  // end of the object
} // end
// below
""",
    "a task that is commented out": """\
{
    "version": "2.0.0",
    "tasks": [
        {
            "label": "deploy",
            "command": "./deploy.sh"
        },
        // {
        //     "label": "old",
        //     "command": "./old.sh"
        // },
        /*
        {
            "label": "older"
        }
        */
    ]
}
""",
    "blocks for each system": """\
{
    "version": "2.0.0",
    "windows": { "options": { "shell": { "executable": "cmd.exe", "args": ["/d", "/c"] } } },
    "linux": { "options": { "env": { "LANG": "C.UTF-8" } } },
    "osx": { "options": { "cwd": "${workspaceFolder}/mac" } },
    "tasks": [
        {
            "label": "serve",
            "type": "shell",
            "command": "./serve.sh",
            "windows": { "command": ".\\\\serve.cmd" },
            "linux": { "options": { "env": { "PATH": "${workspaceFolder}/.venv/bin:${env:PATH}" } } },
            "osx": { "command": "./serve-mac.sh" }
        }
    ]
}
""",
    "inputs behind the list": """\
{
    "version": "2.0.0",
    "tasks": [
        { "label": "greet", "command": "echo ${input:who}", "problemMatcher": [] }
    ],
    "inputs": [
        {
            "id": "who", "type": "pickString", "description": "Who?",
            "options": ["Ann", "Bob", { "label": "All", "value": "all" }], "default": "Ann"
        }
    ]
}
""",
    "inputs before the list, options at the top": """\
{
  "version": "2.0.0",
  "inputs": [ { "id": "n", "type": "promptString", "description": "a \\"number\\"" } ],
  "options": { "env": { "A": "1" } },
  "presentation": { "panel": "shared" },
  "problemMatcher": [],
  "runOptions": { "reevaluateOnRerun": false },
  "tasks": [ { "label": "x", "command": "y" } ]
}
""",
    "a background task with its own matcher": """\
{
  "version": "2.0.0",
  "tasks": [
    {
      "label": "watch",
      "type": "shell",
      "command": "npx webpack --watch",
      "isBackground": true,
      "problemMatcher": [
        {
          "owner": "webpack", "source": "webpack",
          "fileLocation": ["relative", "${workspaceFolder}"],
          "pattern": [
            { "regexp": "^ERROR in (.*)$", "file": 1 },
            { "regexp": "^\\\\((\\\\d+),(\\\\d+)\\\\): (.*)$", "line": 1, "column": 2, "message": 3, "loop": true }
          ],
          "background": { "activeOnStart": true, "beginsPattern": "^Compiling", "endsPattern": "^Compiled" }
        }
      ]
    }
  ]
}
""",
    "a chain of tasks": """\
{
    "version": "2.0.0",
    "tasks": [
        { "label": "one", "command": "true" },
        { "label": "two", "command": "true" },
        {
            "label": "all",
            "dependsOn": [ "one", "two", "Run Backend" ],
            "dependsOrder": "sequence"
        },
        { "label": "first", "dependsOn": "one" },
        { "label": "other", "dependsOn": { "type": "npm", "script": "dev" } }
    ]
}
""",
    "the format of 2016": """\
{
    "version": "2.0.0",
    "command": "gulp",
    "isShellCommand": true,
    "args": ["--no-color"],
    "tasks": [ { "taskName": "watch", "args": [], "isWatching": true } ]
}
""",
    "numbers, escapes and odd keys": """\
{
  "version": "2.0.0",
  "x-odd": [1e3, -0.50, 1.0E+2, 12345678901234567890, null, true],
  "tasks": [
    { "label": "gr\\u00fc\\u00df \\ud83d\\ude80 \\/ \\t", "command": "x", "x-a": 1.50, "": {} },
    1, null, "text", [ { "label": "nested" } ], { }
  ]
}
""",
    "keys that occur twice": """\
{
  "version": "2.0.0",
  "tasks": [ { "label": "lost" } ],
  "tasks": [ { "label": "a", "label": "b", "command": "c" } ]
}
""",
    "no version": '{\n  "tasks": [\n    { "label": "a", "command": "b" }\n  ]\n}\n',
    "the list before the version": (
        '{\n   "tasks": [\n      { "label": "a" }\n   ],\n\n\n   "version": "2.0.0"\n}\n\n\n'
    ),
    "Windows, with tabs and blank lines": (
        '{\r\n\t"version": "2.0.0",\r\n\r\n\t"tasks": [\r\n\t\t{\r\n\t\t\t"label": "a"\r\n\t\t},'
        '\r\n\r\n\t\t{\r\n\t\t\t"label": "b"\r\n\t\t}\r\n\t]\r\n}\r\n'
    ),
    "both kinds of line ends": '{\r\n  "version": "2.0.0",\n  "tasks": [\r\n    { "label": "a" }\n  ]\r\n}\n',
    "a mark of the byte order": '\ufeff{\n  "version": "2.0.0",\n  "tasks": [ { "label": "a" } ]\n}\n',
    "blanks at the ends of lines": '{  \n  "version": "2.0.0",\t\n  "tasks": [ \n    { "label": "a" }  \n  ]\t \n}  \n',
    "indented by one and by tabs": '{\n "version": "2.0.0",\n\t"tasks": [\n  {\n\t"label": "a"},\n {"label": "b"\n  }]}\n',
    "a label of ours, of a person": """\
{
    "version": "2.0.0",
    "tasks": [
        { "label": "Run Backend", "type": "shell", "command": "flask run" }, // Bob's
        { "label": "up", "dependsOn": ["Run Backend"] }
    ]
}
""",
    "a task that runs devports": """\
{
    "version": "2.0.0",
    "tasks": [
        { "label": "mine", "type": "shell", "command": "devports run backend", "detail": "by hand" },
        { "label": "ours?", "command": "echo", "detail": "(devports vscode) was here" }
    ]
}
""",
    "entries on one line each": """\
{ "version": "2.0.0", "tasks": [
    { "label": "fmt", "command": "cargo", "args": ["fmt"] },
    { "label": "run", "command": "cargo", "args": ["run"] }, ] }
""",
    "a group, an icon, a folder": """\
{
    "version": "2.0.0",
    "tasks": [{
        "label": "Django: migrate",
        "type": "process",
        "command": "${command:python.interpreterPath}",
        "args": ["manage.py", "migrate"],
        "options": {"cwd": "${workspaceFolder}/site", "env": {"DEBUG": "1"}},
        "icon": {"id": "database"}, "group": "test",
        "presentation": {"reveal": "always", "focus": false, "showReuseMessage": false},
        "runOptions": {"runOn": "folderOpen", "instanceLimit": 1}
    }]
}
""",
    "text of braces and comments": """\
{
  "version": "2.0.0",
  "tasks": [
    { "label": "a // b", "command": "echo '} ] , /* no */ \\"tasks\\": ['" },
    { "label": "c", "command": "sed 's/[{]//' # // " }
  ]
}
""",
}

LAUNCH = {
    "empty": "{}",
    "an empty list": '{\n    "version": "0.2.0",\n    "configurations": []\n}\n',
    "what VS Code itself writes": """\
{
    // Use IntelliSense to learn about possible attributes.
    // Hover to view descriptions of existing attributes.
    // For more information, visit: https://go.microsoft.com/fwlink/?linkid=830387
    "version": "0.2.0",
    "configurations": [
        {
            "name": "Python Debugger: Current File",
            "type": "debugpy",
            "request": "launch",
            "program": "${file}",
            "console": "integratedTerminal"
        }
    ]
}
""",
    "a module, by hand": """\
{
\t"configurations": [
\t\t{"name": "API", "type": "debugpy", "request": "launch", "module": "uvicorn",
\t\t "args": ["main:app", "--reload"], "jinja": true, "justMyCode": false},
\t],
\t"version": "0.2.0",
}
""",
    "an attach to ours, without the mark": """\
{
    "version": "0.2.0",
    "configurations": [
        {
            "name": "In the box",
            "type": "debugpy",
            "request": "attach",
            "connect": { "host": "box", "port": 5678 },
            "pathMappings": [{ "localRoot": "${workspaceFolder}", "remoteRoot": "/app" }],
            "preLaunchTask": "Debug Backend: server"
        }
    ],
    "compounds": [
        { "name": "Both", "configurations": ["In the box", "Browser"], "stopAll": true }
    ]
}
""",
    "compounds of ours": """\
{
    "version": "0.2.0",
    "compounds": [
        // Ann's
        { "name": "Mine", "configurations": ["Debug Backend", "Debug Web"], "stopAll": true },
        { "name": "Some", "configurations": [{ "name": "Debug Web", "folder": "shop" }],
          "preLaunchTask": "Run Backend", "presentation": { "group": "1_ann", "order": 1 } }
    ],
    "configurations": []
}
""",
    "one line": '{"version":"0.2.0","configurations":[{"name":"a","type":"node","request":"launch"}]}',
    "node and a browser": """\
{
  "version": "0.2.0",
  "configurations": [
    {
      "type": "node", "request": "launch", "name": "Server",
      "skipFiles": ["<node_internals>/**"],
      "program": "${workspaceFolder}/server.js",
      "serverReadyAction": { "pattern": "listening on ([0-9]+)", "uriFormat": "http://localhost:%s", "action": "openExternally" }
    },
    { "type": "chrome", "request": "launch", "name": "Browser", "url": "http://localhost:5173", "preLaunchTask": "Run Web", "postDebugTask": "stop" }
  ],
  "compounds": [ { "name": "Server and browser", "configurations": [ "Server", "Browser" ] } ]
}
""",
    "systems and inputs": """\
{
    "version": "0.2.0",
    "configurations": [
        {
            "name": "C++", "type": "cppdbg", "request": "launch",
            "program": "${workspaceFolder}/a.out", "args": ["${input:file}"],
            "linux": { "MIMode": "gdb" }, "osx": { "MIMode": "lldb" },
            "windows": { "program": "${workspaceFolder}\\\\a.exe" },
            "setupCommands": [ { "text": "-enable-pretty-printing", "ignoreFailures": true } ]
        }
    ],
    "inputs": [ { "id": "file", "type": "command", "command": "extension.pick" } ]
}
""",
    "groups of a person": """\
{
  "version": "0.2.0",
  "configurations": [
    { "name": "A", "type": "node", "request": "launch", "presentation": { "group": "devports2", "hidden": true } },
    { "name": "B", "type": "node", "request": "launch", "presentation": { "group": "Devports" } },
    { "name": "C", "type": "node", "request": "launch", "presentation": "devports" },
  ]
}
""",
    "comments behind everything": """\
/* top */ {
  "version": "0.2.0" /* v */ ,
  "configurations" : [ // list
    /* one */ { "name": "x" /* n */ , "type": "node" } /* after */ // end
    , // comma
    { "name": "y" }
    /* last */
  ] , // next
  "compounds": [ /* none */ ]
} /* end */
""",
    "Windows": (
        '\ufeff{\r\n\t"version": "0.2.0",\r\n\t"configurations": [\r\n\t\t{\r\n'
        '\t\t\t"name": ".NET",\r\n\t\t\t"type": "coreclr",\r\n\t\t\t"preLaunchTask": "build"\r\n'
        "\t\t},\r\n\t]\r\n}"
    ),
    "a name of ours, of a person": """\
{
    "version": "0.2.0",
    "configurations": [
        { "name": "Debug Backend", "type": "debugpy", "request": "launch", "program": "x.py" }
    ]
}
""",
    "a compound alone": (
        '{\n    "compounds": [\n        {\n            "name": "C",\n            "configurations": []\n'
        "        }\n    ]\n}\n"
    ),
    "odd entries": '{"configurations": [1, null, [], {"name": 2}, {"name": null}], "compounds": [0]}',
    "keys that occur twice": """\
{
  "configurations": [ { "name": "lost" } ],
  "configurations": [ { "name": "a", "type": "node", "type": "chrome" } ]
}
""",
    "commas first": """\
{ "version": "0.2.0"
, "configurations":
  [ { "name": "a" , "type": "node" }
  , { "name": "b" , "type": "node" }
  ]
}
""",
}

NOISE = ("// why", "/* ] } , */", "//", "/**/", '// "tasks": [')


def changed(text: str, seed: int) -> str:
    """Return a text with another layout and more comments; its data stays."""
    pick = random.Random(seed)
    pieces = jsonc.pieces(text.removeprefix("\ufeff"))
    found = []
    for piece, is_comment in pieces:
        found.append(piece)
        if not is_comment and piece in "{[,:" and pick.random() < 0.15:
            comment = pick.choice(NOISE)
            found.append(f" {comment}\n" if comment.startswith("//") else f" {comment} ")
        elif piece == " " and pick.random() < 0.1:
            found.append(pick.choice(["  ", "\t"]))
    new = "".join(found)
    if pick.random() < 0.3:
        new = re.sub(r"\n( {2,}|\t+)", lambda m: "\n" + "\t" * max(1, len(m[1]) // 2), new)
    if pick.random() < 0.3:
        new = re.sub(r"(?<!\r)\n", "\r\n", new)
    if pick.random() < 0.2:
        new = new.rstrip()
    return ("\ufeff" if pick.random() < 0.2 else "") + new


def texts(hand: dict[str, str], each: int) -> dict[str, str]:
    """Return the texts, and of each so many changed ones."""
    found = dict(hand)
    for name, text in hand.items():
        seeds = itertools.count(sum(map(ord, name)))
        for number in range(each):
            new = next(new for seed in seeds if (new := changed(text, seed)) not in found.values())
            found[f"{name}, changed ({number})"] = new
    return found
