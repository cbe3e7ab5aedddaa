"""One command, disturbed at one system call after the other."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devports import exitcodes
from tests.hardship.calls import disturbed, recorded
from tests.hardship.stage import SUBJECTS, given_back, staged, typed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.hardship.calls import Moment
    from tests.hardship.stage import Stage, Subject
    from tests.harness.command import Done

    Judge = Callable[[Stage, Subject, "Result", "Whole"], list[str]]

KNOWN = {
    value for name, value in vars(exitcodes).items() if name.isupper() and isinstance(value, int)
} - {exitcodes.INTERNAL}
KILLED = exitcodes.of_signal(signal.SIGKILL)
BUGS = ("Traceback", "internal error", "Fatal Python error", "Exception ignored")
WAKEUP = re.compile(
    r"Exception ignored when trying to write to the signal wakeup fd:\n"
    r"Traceback.*?\n\w*Error: [^\n]*",
    re.DOTALL,
)
"""What CPython's own signal handler prints of an error that a pipe never gives."""


@dataclass
class Tally:
    """What came of the trials of one command with one kind of disturbance."""

    command: str
    how: str
    trials: int = 0
    reached: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def row(self) -> str:
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(self.codes.items()))
        counts = f"{self.trials} | {self.reached} | {len(self.failures)}"
        return f"| {self.command} | {self.how} | {counts} | {codes} |"


HEADING = (
    "| command | disturbance | trials | reached | failures | exit codes |\n"
    "|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Trial:
    """One disturbance, to be made and judged."""

    moment: Moment
    how: str


@dataclass(frozen=True)
class Result:
    """How a disturbed command ended, and whether it was disturbed at all."""

    trial: Trial
    done: Done
    reached: bool


def sweep(
    command: str,
    trials: Callable[[Sequence[Moment]], Iterable[Trial]],
    judge: Judge,
    jobs: int,
) -> list[Tally]:
    """Try `command` on as many stages as `jobs`; return a tally for each kind of disturbance."""
    subject = SUBJECTS[command]
    tallies: dict[str, Tally] = {}
    with ExitStack() as stack:
        stages = [stack.enter_context(staged()) for _ in range(jobs)]
        for stage in stages:
            if subject.holder == "one":
                stage.hold()
        whole = Whole.of(stages[0], subject)
        free: queue.SimpleQueue[Stage] = queue.SimpleQueue()
        for stage in stages:
            free.put(stage)

        def attempt(trial: Trial) -> tuple[Trial, Result | None, list[str]]:
            stage = free.get()
            try:
                return attempt_on(stage, subject, trial, whole, judge)
            finally:
                free.put(stage)

        with ThreadPoolExecutor(jobs) as pool:
            for trial, result, complaints in pool.map(attempt, trials(whole.moments)):
                tally = tallies.setdefault(trial.how, Tally(command, trial.how))
                add(tally, trial, result, complaints)
    return list(tallies.values())


def add(tally: Tally, trial: Trial, result: Result | None, complaints: Iterable[str]) -> None:
    tally.trials += 1
    tally.reached += result is None or result.reached
    if result is not None and result.reached:
        tally.codes[result.done.code] += 1
        tally.said[f"{result.done.code}: {first_error(result.done)}"] += 1
    where = f"{trial.moment.call} {trial.moment.number}"
    for complaint in complaints:
        tally.failures.append(f"{tally.command}, {trial.how} at {where}: {complaint}")
        print(tally.failures[-1], file=sys.stderr, flush=True)


def first_error(done: Done) -> str:
    """Return the first line that names an error, without what differs from trial to trial."""
    lines = [line for line in done.err.splitlines() if line.startswith("error:")]
    text = lines[0] if lines else "-"
    return re.sub(r"/tmp/hs-\w+", "DIR", re.sub(r"\b\d{4,}\b", "N", text))


@dataclass(frozen=True)
class Whole:
    """The undisturbed command: its calls, and every file before and after it."""

    moments: Sequence[Moment]
    before: dict[str, bytes]
    after: dict[str, bytes]

    @classmethod
    def of(cls, stage: Stage, subject: Subject) -> Whole:
        ready(stage, subject)
        before = stage.files()
        moments, _ = recorded(stage, subject)
        assert moments, "strace has recorded nothing"
        given_back(stage)
        return cls(moments, before, stage.files())


def ready(stage: Stage, subject: Subject) -> None:
    stage.reset()
    subject.prepare(stage)
    if subject.holder == "each":
        stage.clear()
        stage.hold()


def attempt_on(
    stage: Stage,
    subject: Subject,
    trial: Trial,
    whole: Whole,
    judge: Judge,
) -> tuple[Trial, Result | None, list[str]]:
    ready(stage, subject)
    try:
        result = Result(trial, *disturbed(stage, subject, trial.moment, trial.how))
    except subprocess.TimeoutExpired:
        return trial, None, ["it did not end"]
    return trial, result, judge(stage, subject, result, whole)


# -- what must be true after a trial


def after_error(stage: Stage, subject: Subject, result: Result, whole: Whole) -> list[str]:
    done = result.done
    text = WAKEUP.sub("", done.text + stage.log())
    found = [f"says {bug!r}: {done.err[-600:]}" for bug in BUGS if bug in text]
    if done.code not in KNOWN and not (subject.watchdog and done.code == KILLED):
        found.append(f"exit code {done.code}: {done.err[-300:]}")
    if left := remains(stage, subject, result):
        found.append(f"{left}; {done.err[-300:]}")
    return found + half_files(stage, whole) + dead_bystanders(stage, subject)


def remains(stage: Stage, subject: Subject, result: Result) -> str:
    """Return what is still there, if nothing may be.

    After a kill of the run nothing ends what a killed watchdog, or one that never gets what it
    needs, leaves to the next run.
    """
    if subject.holder:
        return ""
    if not subject.watchdog:
        return given_back(stage)
    helpless = result.trial.how == "signal=KILL" or result.trial.how.endswith("+")
    left = "" if helpless else given_back(stage)
    stage.command(*typed(stage, subject.start))
    return left or given_back(stage)


def half_files(stage: Stage, whole: Whole) -> list[str]:
    """Return files of people that are neither as before nor as after, and broken records."""
    found = []
    for path, text in stage.files().items():
        known = (whole.before.get(path), whole.after.get(path))
        whole_file = text in settled(stage, known) or (path.endswith(".toml") and is_toml(text))
        if path.startswith("p/") and not is_draft(path) and not whole_file:
            found.append(f"half a file: {path}: {text[:60]!r}")
        if path.startswith("h/") and path.endswith(".json"):
            try:
                json.loads(text)
            except ValueError:
                found.append(f"half a record: {path}: {text[:60]!r}")
    return found


def is_toml(text: bytes) -> bool:
    """Say whether a configuration is whole: what `init` finds depends on what can be read."""
    try:
        return text.endswith(b"\n") and bool(tomllib.loads(text.decode())["services"])
    except (ValueError, KeyError):
        return False


def is_draft(path: str) -> bool:
    return os.path.basename(path).startswith(".") and ".devports-" in path


def settled(stage: Stage, known: Iterable[bytes | None]) -> list[bytes]:
    """Return texts of the first stage as this one has them: ports and folders differ."""
    texts = [text for text in known if text is not None]
    return [*texts, *(localized(stage, text) for text in texts)]


def localized(stage: Stage, text: bytes) -> bytes:
    text = re.sub(rb"/tmp/hs-\w+", stage.folder.encode(), text)
    return re.sub(rb"(port = |\")\d{4,5}\b", rb"\g<1>" + str(stage.port).encode(), text)


def dead_bystanders(stage: Stage, subject: Subject) -> list[str]:
    mortal = stage.actors[:1] if subject.holder == "each" else []
    return [f"{a.name} was ended" for a in stage.actors if a not in mortal and not a.alive]


def after_kill(stage: Stage, subject: Subject, result: Result, whole: Whole) -> list[str]:
    """After a kill: nothing lives on, and the next run leaves what an undisturbed one leaves."""
    found = half_files(stage, whole)
    if left := remains(stage, subject, result):
        found.append(left)
    if result.reached and subject.holder != "each" and not subject.watchdog:
        again = stage.command(*typed(stage, subject.start or subject.words))
        if left := remains(stage, subject, result):
            found.append(f"after the next one: {left}")
        if again.code not in KNOWN or "config-exists" in again.text:
            found.append(f"the next one: exit code {again.code}: {again.err[-300:]}")
        known = {*named(whole.before), *named(whole.after), "log"}
        extra = set(named(stage.files())) - known
        folders = set(os.listdir(os.path.join(stage.folder, "t")))
        if extra or folders:
            found.append(f"litter: {sorted(extra | folders)}")
    return found + dead_bystanders(stage, subject)


def named(files: Iterable[str]) -> list[str]:
    """Return paths without what differs: port, checksum of the folder, the log before the last."""
    paths = (path.removesuffix(".1") for path in files)
    return [re.sub(r"\d{4,5}", "PORT", re.sub(r"[0-9a-f]{16}", "SUM", path)) for path in paths]
