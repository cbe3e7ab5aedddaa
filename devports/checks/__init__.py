"""What `devports doctor` looks for: one small pure function a rule, facts in, problems out.

To add a rule: write the function in the module it belongs to, and name it in its `RULES`.
"""

from __future__ import annotations

from devports.checks import editor, files, machine, ports, project, reach, runs, servers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.checks.facts import Facts
    from devports.checks.problem import Problem

RULES = (
    *files.RULES,
    *project.RULES,
    *servers.RULES,
    *ports.RULES,
    *runs.RULES,
    *reach.RULES,
    *machine.RULES,
    *editor.RULES,
)


def examine(facts: Facts) -> tuple[Problem, ...]:
    """Return what is or will be wrong, the gravest first and otherwise in the order of the file."""
    found = [problem for rule in RULES for problem in rule(facts)]
    return tuple(sorted(found, key=lambda problem: problem.rank))
