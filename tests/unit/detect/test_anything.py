"""Whatever a project holds: an answer, and a file that devports itself accepts."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from devports.config.load import read_text
from devports.detect.model import File, Tree
from devports.detect.servers import SERVERS
from devports.detect.services import detect
from devports.detect.toml_writer import document

CALLS = [call for server in SERVERS for call in server.calls]
WRITTEN = (
    "a:b $PORT ${PORT:-81} --port 80 --host 0.0.0.0 -b {port} {x.y} ${port} && ; ' \" \\ $X * --"
    " # npx A=1 A=$B PORT=99999 react-scripts uv {services.z.port} \x7f é"
)
WORD = st.sampled_from(CALLS) | st.sampled_from(WRITTEN.split(" "))
COMMAND = st.lists(WORD, max_size=6).map(" ".join)
NAME = st.sampled_from(["web", "dev", "start", "a b"]) | st.text(max_size=4)
VALUE = COMMAND | st.none() | st.integers() | st.lists(COMMAND, max_size=2)
ENTRY = st.dictionaries(
    st.sampled_from("name label command program module args cwd env options request".split()),
    VALUE | st.dictionaries(NAME, COMMAND, max_size=2),
)
JSON = st.one_of(
    st.dictionaries(NAME, COMMAND, max_size=4).map(lambda scripts: {"scripts": scripts}),
    st.lists(ENTRY, max_size=3).map(lambda all_: {"configurations": all_, "tasks": all_}),
).map(json.dumps)
LINES = st.lists(st.tuples(NAME, COMMAND).map(": ".join), max_size=5).map("\n".join)
YAML = st.lists(
    st.sampled_from(
        ["services:", "  db:", "    ports:", "      - '1:1'", "    - 5:5", "    build: x", "  a:"]
    )
    | st.text(max_size=6),
    max_size=12,
).map("\n".join)
CODE = st.sampled_from(
    [
        "app = FastAPI()",
        "def f():\n    return Flask(__name__)\napp = f()",
        "import gradio\nx.launch(server_port=99999999)",
        "import streamlit",
        'package main\nimport "net/http"\nfunc main() { http.ListenAndServe(":99999", nil) }',
        'package main\nimport "net/http"\nflag.Int("port", 99999)\nhttp.Serve(x)',
        "spring-boot-starter-web\nquarkus-maven-plugin",
        "server: { port: 99999 }",
    ]
)
TEXT = JSON | LINES | YAML | st.text(max_size=20) | CODE
FOLDER = st.sampled_from(["", "a/", "a b/c/", "{port}/", "-/", "$x/", ".vscode/", "é/"])
FILE = st.sampled_from(
    "package.json Procfile compose.yaml launch.json tasks.json main.py manage.py .env x.js"
    " compose.override.yml nx.json project.json go.mod main.go pom.xml build.gradle Gemfile"
    " config.ru composer.json x.csproj mkdocs.yml angular.json vite.config.ts .env.example".split()
)
PATH = st.tuples(FOLDER, FILE).map("".join)


@settings(max_examples=60)
@given(st.dictionaries(PATH, TEXT, max_size=6), st.sets(PATH, max_size=2))
def test_what_is_written_is_a_configuration(files: dict[str, str], more: set[str]) -> None:
    tree = Tree(tuple(File(*each) for each in files.items()), frozenset(files) | more)
    found = detect(tree).services
    known = [each for each in found if each.port]
    text = document(known and found, example=True)
    config = read_text(text, "/srv/x/devports.toml", "devports.toml")
    ports = [port for each in known for port in (each.port, *dict(each.ports).values())]
    assert len(set(ports)) == len(ports)
    assert len({each.name for each in found}) == len(found)
    assert len(config.services) == max(1, len(known))
