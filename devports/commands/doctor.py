"""`devports doctor`: everything that is or will be wrong with ports here."""

from __future__ import annotations

import os
import time

from devports import exitcodes
from devports.checks import examine
from devports.checks.files import as_problem
from devports.commands.filefacts import fault_of
from devports.commands.gathering import gather
from devports.commands.setting import here
from devports.config.load import find, load_with_warnings
from devports.core.value import Value
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.checks.facts import Facts
    from devports.checks.problem import Problem
    from devports.commands.setting import Setting
    from devports.core.service import Config


class Seen(Value):
    """One look: the configuration, the facts, and what is wrong."""

    config: Config | None
    facts: Facts
    problems: tuple[Problem, ...]

    @property
    def path(self) -> str:
        """The path of the configuration; empty if there is none that can be used."""
        return self.config.path if self.config else ""

    @property
    def healthy(self) -> bool:
        return all(problem.severity == "note" for problem in self.problems)


def doctor(setting: Setting, *, fix: bool = False, as_json: bool = False) -> int:
    """Examine the project and this machine; the exit code is 1 unless all is well at the end.

    A configuration that is not right is a finding like the others: what does not depend on it is
    examined all the same.

    Args:
        setting: screen, machine and configuration.
        fix: mend what can be mended, each after a question.
        as_json: one document on stdout.

    Raises:
        DevportsError: both were asked for.
    """
    if fix and as_json:
        raise DevportsError(
            "usage",
            "`--fix` asks, and `--json` never does",
            hints=("run `devports doctor --fix` on a terminal",),
        )
    seen = look(setting)
    if fix:
        from devports.commands.mending import mend  # noqa: PLC0415

        seen = mend(setting, seen, look)
    code = exitcodes.OK if seen.healthy else exitcodes.NO
    screen = setting.screen
    if as_json:
        from devports.ui.jsonout import doctor_data  # noqa: PLC0415

        data = doctor_data(
            seen.path,
            seen.facts,
            seen.problems,
            healthy=seen.healthy,
            now=time.time(),
            config=screen.config,
        )
        screen.answer(("doctor",), data, exit_code=code)
        return code
    from devports.ui.health import report  # noqa: PLC0415

    how = screen.look("stdout")
    screen.out(report(seen.path, seen.facts, seen.problems, screen.reader(), how, offer=not fix))
    return code


def look(setting: Setting) -> Seen:
    """Look at everything once, the configuration read anew."""
    config, warnings, wrong = _config(setting)
    facts = gather(setting, config, warnings)
    return Seen(config, facts, (*wrong, *examine(facts)))


def _config(setting: Setting) -> tuple[Config | None, tuple[str, ...], tuple[Problem, ...]]:
    try:
        loaded = load_with_warnings(setting.named, here())
    except DevportsError as error:
        if error.code == "config-missing" and setting.searches:
            return None, (), ()
        path = setting.named or find(here()) or ""
        return None, (), (as_problem(fault_of(error, os.path.abspath(path))),)
    setting.replace(loaded.config)
    return loaded.config, loaded.warnings, ()
