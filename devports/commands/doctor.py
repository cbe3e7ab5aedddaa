"""`devports doctor`: everything that is or will be wrong with ports here."""

from __future__ import annotations

import time

from devports import exitcodes
from devports.checks import examine
from devports.checks.problem import Problem
from devports.commands.gathering import gather
from devports.core.remedy import Remedy
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.commands.setting import Setting
    from devports.core.service import Config


def doctor(setting: Setting, *, as_json: bool = False) -> int:
    """Examine the project and this machine; the exit code is 1 unless all is well.

    A configuration that is not right is a finding like the others: what does not depend on it is
    examined all the same.
    """
    config, wrong = _config(setting)
    facts = gather(setting, config)
    problems = (*wrong, *examine(facts))
    healthy = all(problem.severity == "note" for problem in problems)
    code = exitcodes.OK if healthy else exitcodes.NO
    screen = setting.screen
    if as_json:
        from devports.ui.jsonout import doctor_data, document  # noqa: PLC0415

        path = config.path if config else ""
        data = doctor_data(path, facts, problems, healthy=healthy, now=time.time())
        screen.write("stdout", document(("doctor",), data, exit_code=code))
        return code
    from devports.ui.health import report  # noqa: PLC0415

    path = config.path if config else ""
    screen.out(report(path, facts, problems, screen.reader(), screen.look("stdout")))
    return code


def _config(setting: Setting) -> tuple[Config | None, tuple[Problem, ...]]:
    try:
        return setting.config(), ()
    except DevportsError as error:
        if error.code == "config-missing" and setting.searches:
            return None, ()
        return None, (as_problem(error),)


def as_problem(error: DevportsError) -> Problem:
    """Return an error of the configuration as a finding."""
    return Problem(
        error.code,
        "error",
        error.message,
        evidence=error.facts,
        why=error.note,
        remedies=tuple(Remedy(hint) for hint in error.hints),
    )
