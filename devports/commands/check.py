"""`devports check`: one quick yes or no, with the holder."""

from __future__ import annotations

import time

from devports import exitcodes
from devports.core.verdict import (
    Finding,
    Free,
    Held,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    Unconfirmed,
    is_bindable,
    worst_verdict,
)
from devports.errors import DevportsError
from devports.system.inspect import inspect_quick
from devports.ui.escape import port_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.context import Context, Target


def check(context: Context, words: Sequence[str], *, as_json: bool = False) -> int:
    """Check whether each target is free now; the exit code is that of the worst."""
    targets, errors = valid_targets(context, context.targets(words))
    looked = context.inspect(targets, inspect_quick)
    codes = [*(code_for(findings) for _, findings in looked), *(e.exit_code for e in errors)]
    code = max(codes, default=exitcodes.OK)
    if as_json:
        from devports.ui.json_output import check_data  # json: half a start

        data = check_data([(target.text, findings) for target, findings in looked], time.time())
        context.screen.answer(("check",), data, exit_code=code, errors=errors)
        return code
    for target, findings in looked:
        if all(isinstance(finding.verdict, Free) for finding in findings):
            # Nothing else is printed, so the texts for other verdicts are not loaded.
            context.screen.out(f"{port_name(findings[0].endpoint, target.subject)} is free")
        else:
            explain(context, target, findings)
    for error in errors:
        context.print_error(error)
    return code


def valid_targets(
    context: Context, targets: Sequence[Target]
) -> tuple[tuple[Target, ...], tuple[DevportsError, ...]]:
    """Return the targets that have addresses, and the errors of the others if there are several."""
    if len(targets) == 1:
        return tuple(targets), ()
    troubles = [target_error(context, target) for target in targets]
    good = [target for target, error in zip(targets, troubles, strict=True) if error is None]
    return tuple(good), tuple(error for error in troubles if error is not None)


def target_error(context: Context, target: Target) -> DevportsError | None:
    """Return why a target cannot be inspected, if it cannot."""
    try:
        context.endpoints(target)
    except DevportsError as error:
        error.service = target.name
        return error
    return None


def code_for(findings: Sequence[Finding]) -> int:
    """Return the exit code for the findings on one target."""
    match worst_verdict(finding.verdict for finding in findings):
        case NotPermitted():
            return exitcodes.PERMISSION
        case NotLocal():
            return exitcodes.USAGE
        case Unconfirmed():
            return exitcodes.CANNOT_INSPECT
        case verdict:
            return exitcodes.OK if is_bindable(verdict) else exitcodes.NO


def explain(context: Context, target: Target, findings: Sequence[Finding]) -> None:
    """Print the verdict and the holders on stdout, notes and hints on stderr."""
    from devports.core.hint import hint, own_command
    from devports.ui.processes import fact_lines, note_lines, summary
    from devports.ui.text import wrap

    screen, verdict = context.screen, worst_verdict(finding.verdict for finding in findings)
    screen.out(summary(findings, target.subject))
    if not is_bindable(verdict) or isinstance(verdict, LocalhostConflict):
        for line in fact_lines(findings, screen.reader()):
            screen.out("\n".join(wrap(f"  {line}", screen.output_style("stdout").width)))
    for note in note_lines(findings):
        context.print_labelled("note", note)
    if isinstance(verdict, Held) and not any(f.holding.hidden for f in findings):
        ends = hint("to free the port, run ", own_command("free", target.typed))
        context.print_labelled("hint", ends)
