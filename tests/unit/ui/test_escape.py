"""What stands between the strings of other programs and a screen."""

from __future__ import annotations

import shlex
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devports.core.text import quote
from devports.ui import redaction
from devports.ui.escape import LIMIT, command_line, printable, redacted

DANGEROUS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
ANYTHING = st.text(st.characters(), max_size=400)  # lone surrogates are among them
QUICK = settings(max_examples=40, database=None)

# Control characters, title, clipboard, link, 8-bit CSI, markup, right-to-left, not UTF-8.
EVIL = (
    "srv\x1b]0;pwned\x07\x1b[2J\x1b]52;c;ZXZpbA==\x07\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\\r"
    "\x9b31m[bold red on white]PID 1 safe to kill[/]\u202egnp.exe\u2028\x7f\x08\x08\udc80"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("uvicorn main:app", "uvicorn main:app", id="plain text stays"),
        pytest.param("", "", id="nothing stays nothing"),
        pytest.param("Łódź ⚠ 日本", "Łódź ⚠ 日本", id="visible text of any script stays"),
        pytest.param("a\tb\u00a0c\u3000d", "a b c d", id="tab and wide spaces become a space"),
        pytest.param("\x1b[31m", "\\x1b[31m", id="ESC is shown"),
        pytest.param("\x9b\x7f\r\n\0", "\\x9b\\x7f\\x0d\\x0a\\x00", id="controls are shown"),
        pytest.param("a\u202eb\u200b", "a\\u202eb\\u200b", id="direction and zero width are shown"),
        pytest.param("\u2028\u2029", "\\u2028\\u2029", id="line separators are shown"),
        pytest.param("\udc80", "\\udc80", id="a byte that was no UTF-8 is shown"),
        pytest.param("\U000e0041\ue000", "\\U000e0041\\ue000", id="tags and private use are shown"),
    ],
)
def test_only_visible_text_reaches_the_screen(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_hostile_command_line_is_harmless() -> None:
    for shown in (printable(EVIL), command_line(["python3", EVIL])):
        assert not {unicodedata.category(char) for char in shown} & DANGEROUS
        assert "[bold red on white]" in shown


@QUICK
@given(ANYTHING, st.integers(1, 400))
def test_nothing_dangerous_comes_out_and_never_too_much(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert not {unicodedata.category(char) for char in shown} & DANGEROUS
    assert len(shown) <= limit
    shown.encode()


@QUICK
@given(st.lists(ANYTHING, max_size=5), st.integers(1, 400))
def test_nothing_dangerous_comes_out_of_a_command_line(argv: list[str], limit: int) -> None:
    shown = command_line(argv, limit)
    assert not {unicodedata.category(char) for char in shown} & DANGEROUS
    assert len(shown) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        pytest.param("abc", 3, "abc", id="just fits"),
        pytest.param("abcd", 3, "ab…", id="one too long"),
        pytest.param("\x1b", 4, "\\x1b", id="an escape that fits"),
        pytest.param("\x1b\x1b", 4, "\\x1…", id="escapes count in full"),
        pytest.param("ab\x1b", 4, "ab\\…", id="the limit holds after escaping"),
    ],
)
def test_the_length_is_counted_after_escaping(text: str, limit: int, shown: str) -> None:
    assert printable(text, limit) == shown


def test_the_usual_limit_holds() -> None:
    assert len(printable("x" * 5000)) == LIMIT
    assert len(command_line(["x" * 50_000] * 5000)) == LIMIT


# Secrets.

HIDDEN = [
    "psql --password=hunter2 -h db",
    "app --token hunter2",
    "app -token hunter2",
    "app --token -hunter2",
    "curl -u bob:hunter2 http://h",
    "curl -ubob:hunter2 http://h",
    "curl --user=bob:hunter2 http://h",
    "curl --proxy-user bob:hunter2 http://h",
    "smbclient -U bob%hunter2 --password-file x",
    "redis-server --requirepass hunter2",
    "redis-cli -a hunter2 ping",
    "redis-cli config set requirepass hunter2",
    "node s.js postgres://u:hunter2@h/db?sslmode=x",
    "node s.js redis://:hunter2@h/0",
    "node s.js amqp://u:p@ss/hunter2@h/0",
    "node s.js 'https://h/db?sslmode=x&token=hunter2&y=1'",
    "git clone https://hunter2hunter2hunter2@git.example/x",
    "rsync bob:hunter2@h::x",
    "env AWS_SECRET_ACCESS_KEY=hunter2 run",
    "env DATABASE_URL=postgres://u:hunter2@localhost:5432/app run",
    "env PGPASSWORD=hunter2 SECRET_KEY_BASE=hunter2 apiKey=hunter2 run",
    "aws configure set aws_secret_access_key hunter2",
    "ngrok authtoken hunter2",
    "mysql -phunter2",
    "/usr/bin/mysqldump -u root -phunter2 db",
    "sudo mariadb -phunter2",
    "sshpass -p hunter2 ssh h",
    "mongosh -p hunter2 h",
    "java -Dspring.datasource.password=hunter2",
    "uvicorn app:app --header 'Authorization: Bearer hunter2'",
    "uvicorn app:app --header 'Cookie: a=hunter2; b=hunter2'",
    "curl -H 'X-Api-Key: hunter2' http://h",
    "curl -H Bearer hunter2",
    "app --authorization Bearer hunter2",
    "python m.py --api-key=hunter2",
    "openssl s_server -pass pass:hunter2",
    "dotnet run 'Server=x;User=y;Password=hunter2;Encrypt=true'",
    'app \'{"user": "x", "password": "hunter2 \\" hunter2"}\'',
    "app 'PASSWORD=hunter2 and hunter2'",
    "app --password 'hunter2 and hunter2'",
    "app 'password: hunter2'",
    "node s.js 'https://h/blob?se=1&sig=hunter2&sp=r'",
    "node s.js 'https://h/cb?code=hunter2&state=x'",
    "node s.js 'https://h/o?X-Amz-Signature=hunter2&X-Amz-Date=1'",
    "node s.js 'https://h/o?a=b&x-goog-signature=hunter2'",
    "node s.js 'https://h/a?sig=hunter2'",
    "curl https://hooks.slack.com/services/T0000/B0000/hunter2",
    "curl https://discord.com/api/webhooks/123/hunter2?wait=true",
    "curl https://discordapp.com/api/v10/webhooks/123/hunter2",
    "curl https://acme.webhook.office.com/webhookb2/x@y/IncomingWebhook/hunter2",
    "curl https://outlook.office.com/webhook/hunter2/IncomingWebhook/z",
    "sudo wpa -p hunter2",
    "app --bearer hunter2",
    "app --psk=hunter2",
    "app --pin hunter2",
    "app --pw hunter2",
    "app --masterauth hunter2",
    "app --seed-phrase 'hunter2 and hunter2'",
    "sql --login scott/hunter2",
    "sql --login=scott/hunter2@db",
    "env WIFI_PSK=hunter2 PIN=hunter2 run",
]
TOKENS = [
    "sk-12345678901234567890",
    "sk-proj-ab1cdefghijkl",
    "sk_live_abcdefghijkl",
    "ghp_abcdefghijklmnop",
    "github_pat_abcdefghijkl",
    "glpat-abcdefghijkl",
    "xoxb-123456-abcdef",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdef",
    "eyJhbGciOi.J9abcdef.xx",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "SG.abcdefghijklmnopqrstuv.0123456789-abcdefghijklmnop",
]
INNOCENT = [
    "ssh -i key user@h",
    "npm run dev --port=3000 --no-password-prompt",
    "uvicorn auth:app --port 8000",
    "uvicorn session.main:app --reload",
    "python -u server.py",
    "python -u -m uvicorn main:app",
    "app --author me --keyboard us monkey=1",
    "app --session-timeout 30 --token-limit 5 --max-token 7 --password-file /run/x",
    "node http://localhost:3000/@vite/client",
    "node /srv/node_modules/@vitejs/plugin/index.js",
    "node auth-server.js 8000",
    "auth-server 8000",
    "docker run -u 1000:1000 img",
    "app --public-key x --proxy-bypass-list=y",
    "env PWD=/srv/app OLDPWD=/srv run",
    "task-runner --mask-level disk-usage",
    "mysql -u root --protocol tcp -p",
    "git clone ssh://git@h/x",
    "curl http://session:8000/",
    "app --verify-auth --port 8000",
    "python -m http.server -p 8000",
    "docker run -p 127.0.0.1:8000:80/tcp -p 9000-9001:90-91 -p '[::1]:80:80' img",
    "tsc -w -p . -p tsconfig.json -p",
    "app -p --verbose",
    "app --exit-code=3 --code 3 --sig=TERM --pin-memory 1",
    "node s.js 'https://h/a?encode=1&sign=2'",
    "curl https://hooks.example.com/services/T0000",
    "app --login bob",
    "sk-learn-tools --port 8000",
    "/usr/share/code/code --ping",
]


@pytest.mark.parametrize("line", HIDDEN)
def test_a_secret_is_hidden_from_the_list_of_words(line: str) -> None:
    shown = command_line(shlex.split(line))
    assert "hunter2" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "word", sorted({*redaction._SECRET, *redaction._ENDINGS, *redaction._LAST})
)
def test_the_quick_look_lets_no_word_for_a_secret_by(word: str) -> None:
    assert redacted(["app", f"--{word}=hunter2"]) == ("app", f"--{word}=***")


@pytest.mark.parametrize("line", HIDDEN)
def test_a_secret_is_hidden_within_a_script_or_a_rewritten_title(line: str) -> None:
    assert "hunter2" not in command_line(["sh", "-c", line])
    assert "hunter2" not in command_line(["bash", "-lc", f"cd x && exec {line}"])
    assert "hunter2" not in command_line([f"npm exec {line}"])


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_is_known_by_its_shape(token: str) -> None:
    assert token not in command_line(["app", token])
    assert token not in command_line(["app", f"--x={token}", f"http://h/{token}/y"])


@pytest.mark.parametrize("line", INNOCENT)
def test_an_innocent_command_line_stays_readable(line: str) -> None:
    assert command_line(shlex.split(line)) == line
    assert redacted(["sh", "-c", line]) == ("sh", "-c", line)


SECRET = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.+!", min_size=6, max_size=20).map(
    lambda text: "Q" + text
)
TEMPLATES = [
    ["app", "--password", "{}"],
    ["app", "--db-password={}", "--port", "8000"],
    ["app", "API_KEY={}"],
    ["app", "-H", "Authorization: Bearer {}"],
    ["app", "postgres://user:{}@host/db"],
    ["app", "http://h/?a=b&access_token={}"],
    ["curl", "-u", "bob:{}", "http://h"],
    ["mysql", "-u", "root", "-p{}"],
    ["sh", "-c", "exec app --secret {} --port 8000"],
    ["sh", "-c", "curl -H 'Authorization: Basic {}' http://h"],
    ["app", '{{"client_secret": "{}"}}'],
]


@QUICK
@given(SECRET, st.sampled_from(TEMPLATES), st.booleans())
def test_a_secret_in_a_known_place_never_comes_out(
    secret: str, template: list[str], quoted: bool
) -> None:
    argv = [word.format(secret) for word in template]
    assert secret not in command_line([" ".join(map(shlex.quote, argv))] if quoted else argv)


@QUICK
@given(st.lists(ANYTHING, max_size=5))
def test_redaction_keeps_the_number_of_words(argv: list[str]) -> None:
    assert len(redacted(argv)) == len(argv)


def test_what_is_nested_too_deeply_is_hidden_as_a_whole() -> None:
    text = "app hunter2 --token hunter2"
    for _ in range(4):
        text = f"sh -c {shlex.quote(text)}"
    shown = command_line([text], 4000)
    assert "hunter2" not in shown
    assert "***" in shown


def test_long_words_are_read_once() -> None:
    assert command_line(["sh", "-c", "a=" * 2000 + "token"])
    assert command_line(["x", "://" * 1300 + "@:"])


# Quotes.


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        pytest.param("main:app", "main:app", id="plain"),
        pytest.param("", "''", id="empty"),
        pytest.param("two words", "'two words'", id="a space"),
        pytest.param("it's", "'it'\"'\"'s'", id="a quote"),
        pytest.param("$(rm x)", "'$(rm x)'", id="a substitution"),
        pytest.param("a\\x2db", "'a\\x2db'", id="a backslash"),
    ],
)
def test_a_word_is_quoted_for_a_shell(word: str, quoted: str) -> None:
    assert quote(word) == quoted


@QUICK
@given(st.text(max_size=30))
def test_a_quoted_word_is_one_word_again(word: str) -> None:
    assert shlex.split(quote(word)) == [word]


def test_an_ordinary_command_line_imports_neither_re_nor_unicodedata() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from devports.ui.escape import command_line\n"
        "print(command_line(['python3', '-m', 'uvicorn', 'main:app', '--port', '8000']))\n"
        "print(command_line(['node', '/srv/node_modules/.bin/vite', '--host', 'Łódź\\x1b']))\n"
        "sys.exit(bool({'re', 'unicodedata', 'devports.ui.redaction'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    argv = [sys.executable, "-I", "-S", "-X", "utf8", "-c", program, str(root)]
    ended = subprocess.run(argv, capture_output=True, encoding="utf-8", check=False, timeout=20)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[1].endswith("'Łódź\\x1b'")
