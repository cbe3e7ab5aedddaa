"""`devports init`: find the servers of a project and write the configuration of them, once."""

from __future__ import annotations

import os

from devports import exitcodes
from devports.commands.founding import found_in, refuse_if_there, unasked, write
from devports.commands.setting import here
from devports.config.load import OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.founding import Plan
    from devports.commands.setting import Setting
    from devports.detect.found import Found
    from devports.ui.console import Screen


def init(setting: Setting, *, yes: bool, dry_run: bool, as_json: bool = False) -> int:
    """Write a devports.toml for what is here; the exit code is 1 if none is written.

    Without a terminal and without `yes` it shows what it would write.

    Raises:
        DevportsError: there is a configuration already, or the file cannot be written.
    """
    cwd = here()
    shown = setting.named or OWN
    path = os.path.abspath(os.path.join(cwd, shown))
    refuse_if_there(path, cwd if setting.searches else "")
    plan = found_in(path, shown)
    screen = setting.screen
    if as_json:
        return _in_json(plan, screen, yes=yes, dry_run=dry_run)
    from devports.ui.foundwords import findings, written  # noqa: PLC0415

    folder, look_of = os.path.dirname(path), screen.look("stderr")
    told = findings(folder, plan.services, plan.left_out, look_of, whole=plan.whole)
    screen.err(f"{told}\n")
    if dry_run or not (yes or screen.interactive):
        screen.out(plan.text.rstrip("\n"))
        if dry_run:
            return exitcodes.OK
        raise unasked(shown)
    chosen = plan.services if yes else _chosen(plan, screen)
    if chosen is None:
        screen.err("nothing was written")
        return exitcodes.NO
    write(plan.but(services=chosen))
    screen.out(written(shown, chosen, screen.look("stdout")))
    return exitcodes.OK


def _chosen(plan: Plan, screen: Screen) -> Sequence[Found] | None:
    from devports.ui.wizard import choose  # noqa: PLC0415

    return choose(plan.services, plan.shown, screen)


def _in_json(plan: Plan, screen: Screen, *, yes: bool, dry_run: bool) -> int:
    """Write only with `yes`: a program that wants words for programs has no person to ask."""
    from devports.ui.jsoninit import init_data  # noqa: PLC0415

    will = yes and not dry_run
    if will:
        write(plan)
    data = init_data(
        plan.path, plan.text, plan.services, plan.left_out, written=will, whole=plan.whole
    )
    errors = () if will or dry_run else (unasked(plan.shown),)
    code = exitcodes.NO if errors else exitcodes.OK
    screen.answer(("init",), data, exit_code=code, errors=errors)
    return code
