"""Problems as a `DevportsError`: the line, a caret under the place, the reason. Pure.

Lengths are cut and control characters written as escapes here, since the carets depend on both;
the screen edge escapes once more whatever it prints.
"""

from __future__ import annotations

from devports.config.locate import locate, scan
from devports.config.problem import dotted, nearest, short, visible
from devports.core.width import cells
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.config.dotenv import EnvProblem
    from devports.config.locate import Place
    from devports.config.problem import Path, Problems
    from devports.core.service import Config

MOST_SHOWN = 20
"""Problems shown at once; the rest is counted."""
_BEFORE, _MARKED, _WIDTH = 40, 40, 100

_EXAMPLE = (
    "  [services.backend]",
    "  port = 8000",
    '  command = "python3 -m http.server {port} --bind {host}"',
)


def invalid(problems: Problems, text: str, shown: str, prefix: Path = ()) -> DevportsError:
    """Return the error for a file that can be read but means nothing.

    Args:
        problems: what is wrong.
        text: the whole file.
        shown: name of the file, as messages call it.
        prefix: path of our table in the file: `("tool", "devports")` in pyproject.toml.
    """
    spans, listed = scan(text), problems.problems[:MOST_SHOWN]
    found: list[tuple[Place | None, str]] = []
    for problem in listed:
        where = locate(text, spans, prefix + problem.path, value=problem.at == "value")
        unplaced = problem.path and not where
        reason = f"{dotted(prefix + problem.path)}: {problem.text}" if unplaced else problem.text
        found.append((where, reason))
    found.sort(key=lambda item: (item[0].line, item[0].column) if item[0] else (0, 0))
    count = len(problems.problems)
    return DevportsError(
        "config-invalid",
        f"`{shown}` has {_problems(count)}",
        facts=(*snippets(text, found), *_more(count)),
    )


def syntax(
    shown: str, text: str, where: Place | None, reason: str, hint: str = ""
) -> DevportsError:
    """Return the error for a file that is not TOML, or more than we read."""
    return DevportsError(
        "config-syntax",
        f"`{shown}` cannot be read as TOML",
        facts=snippets(text, [(where, short(reason, _WIDTH))]),
        hints=(hint,) if hint else (),
    )


def invalid_env(problems: tuple[EnvProblem, ...], shown: str) -> DevportsError:
    """Return the error for an env file; its lines are not shown, they may be secrets."""
    count = len(problems)
    return DevportsError(
        "env-file-invalid",
        f"`{shown}` has {_problems(count)}",
        facts=(
            *(f"line {problem.line}: {problem.reason}" for problem in problems[:MOST_SHOWN]),
            *_more(count),
        ),
    )


def _problems(count: int) -> str:
    return "1 problem" if count == 1 else f"{count} problems"


def _more(count: int) -> tuple[str, ...]:
    return (f"... and {count - MOST_SHOWN} more",) if count > MOST_SHOWN else ()


def unknown_service(config: Config, name: str) -> DevportsError:
    """Return the error for a service that is not in the file."""
    names = tuple(service.name for service in config.services)
    listed = ", ".join(names[:MOST_SHOWN]) + (", ..." if names[MOST_SHOWN:] else "")
    meant = nearest(name, names)
    return DevportsError(
        "unknown-service",
        f"no service `{short(name)}` in `{config.path}`",
        facts=(f"services: {listed}",),
        hints=(f"did you mean `{meant}`?",) if meant else (),
    )


def no_config(cwd: str) -> DevportsError:
    """Return the error for a service name where there is no file."""
    return DevportsError(
        "config-missing",
        "no `devports.toml` here or above",
        facts=(f"looked from {visible(cwd)} up to the repository root", "it can be:", *_EXAMPLE),
        hints=("run `devports init`, or give a port: `devports check 8000` works without a file",),
    )


def snippets(text: str, found: list[tuple[Place | None, str]]) -> tuple[str, ...]:
    """Return the lines that show each place and its reason; only the reason without a place."""
    lines = text.split("\n")
    width = max((len(str(where.line)) for where, _ in found if where), default=0)
    shown: list[str] = []
    for where, reason in found:
        if where is None:
            shown.append(reason)
            continue
        source, caret = _excerpt(lines[where.line - 1].rstrip("\r"), where)
        shown += [f"{where.line:{width}} | {source}", f"{'':{width}} | {caret} {reason}"]
    return tuple(shown)


def _excerpt(line: str, where: Place) -> tuple[str, str]:
    """Return the line, cut around the place, and the carets that go under it."""
    end = where.column + where.length
    # Slices first: a line may have 256 KiB, and escapes make it longer.
    before = visible(line[max(0, where.column - 2 * _BEFORE) : where.column])
    marked = visible(line[where.column : end][: 2 * _MARKED])
    after = visible(line[end : end + _WIDTH])
    if len(before) > _BEFORE:
        before = "..." + before[3 - _BEFORE :]
    if len(marked) > _MARKED:
        marked = marked[: _MARKED - 3] + "..."
    room = _WIDTH - len(before) - len(marked)
    if len(after) > room:
        after = after[: room - 3] + "..."
    return before + marked + after, " " * cells(before) + "^" * max(1, cells(marked))
