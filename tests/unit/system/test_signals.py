"""Pins of systems that are not here: the kernel is a fake, every order of events is tried."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

import pytest

from devports.core.model import ProcessKey
from devports.errors import DevportsError
from devports.system import macos, signals, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

NOBODY = 2**22 + 7  # beyond Linux's largest pid: a signal to it would fail, and be seen
SHOWN = ProcessKey(NOBODY, 100)
ANOTHER = ProcessKey(NOBODY, 200)


class FakeWatch:
    """A kqueue that tells once, as the real one does, and is readable until it has told."""

    def __init__(self, pid: int) -> None:
        self.pid, self.news, self.closed = pid, False, False
        self._read, self._write = os.pipe()

    def end(self) -> None:
        self.news = True
        os.write(self._write, b"x")

    def ended(self) -> bool:
        told, self.news = self.news, False
        return told

    def fileno(self) -> int:
        return self._read

    def close(self) -> None:
        self.closed = True
        os.close(self._read)
        os.close(self._write)


def refusing(number: int):
    def watch(pid: int) -> FakeWatch:
        raise OSError(number, os.strerror(number))

    return watch


class TestDarwin:
    def pinned(self, watch: FakeWatch, *keys: ProcessKey | None) -> macos.QueueHandle:
        """Pin while `key_of` answers with `keys`, one after the other, the last for ever."""
        answers = list(keys)
        pin = macos.pin_by_queue(
            SHOWN, lambda _: answers.pop(0) if len(answers) > 1 else answers[0], lambda _: watch
        )
        assert pin is not None
        return pin

    def test_a_process_is_watched_before_its_identity_is_compared(self):
        order: list[str] = []

        def watch(pid: int) -> FakeWatch:
            order.append("watch")
            return FakeWatch(pid)

        def key_of(_: int) -> ProcessKey:
            order.append("key")
            return SHOWN

        pin = macos.pin_by_queue(SHOWN, key_of, watch)
        assert pin is not None
        pin.close()
        assert order == ["watch", "key"]

    @pytest.mark.parametrize(
        "now", [pytest.param(ANOTHER, id="another's now"), pytest.param(None, id="nobody's")]
    )
    def test_a_number_that_is_no_longer_meant_is_not_pinned(self, now: ProcessKey | None):
        watch = FakeWatch(NOBODY)
        assert macos.pin_by_queue(SHOWN, lambda _: now, lambda _: watch) is None
        assert watch.closed

    def test_who_has_ended_is_not_pinned(self):
        assert macos.pin_by_queue(SHOWN, lambda _: SHOWN, refusing(errno.ESRCH)) is None

    def test_who_cannot_be_watched_is_an_error_and_not_a_guess(self):
        with pytest.raises(DevportsError, match="cannot open a handle to process") as caught:
            macos.pin_by_queue(SHOWN, lambda _: SHOWN, refusing(errno.EACCES))
        assert caught.value.code == "no-pin"

    def test_nothing_is_sent_once_the_kernel_has_told_of_the_end(self):
        watch = FakeWatch(os.getpid())
        me = ProcessKey(os.getpid(), 1)
        pin = macos.pin_by_queue(me, lambda _: me, lambda _: watch)
        assert pin is not None
        watch.end()
        assert (pin.send(signal.SIGTERM), pin.send(signal.SIGTERM)) == ("gone", "gone")
        assert pin.exited
        pin.close()

    def test_nothing_is_sent_when_the_number_is_another_process_now(self):
        me, other = ProcessKey(os.getpid(), 1), ProcessKey(os.getpid(), 2)
        answers = [me, other]
        pin = macos.pin_by_queue(me, lambda _: answers.pop(0), FakeWatch)
        assert pin is not None
        assert pin.send(signal.SIGTERM) == "gone"
        pin.close()

    def test_a_signal_that_comes_too_late_all_the_same_has_reached_nobody(self):
        pin = self.pinned(FakeWatch(NOBODY), SHOWN)
        assert pin.send(signal.SIGTERM) == "gone"
        pin.close()

    def test_the_end_is_waited_for_and_told_again_and_again(self):
        watches = FakeWatch(1), FakeWatch(2)
        first, second = (self.pinned(watch, SHOWN) for watch in watches)
        assert macos.wait_for_queues((first, second), 0) == ()
        watches[1].end()
        assert macos.wait_for_queues((first, second), 30) == (second,)
        assert macos.wait_for_queues((first, second), 30) == (second,)
        first.close()
        second.close()


class WindowsError_(OSError):  # noqa: N801, N818
    """An OSError with the number that only Windows gives it."""

    def __init__(self, winerror: int) -> None:
        super().__init__(errno.EACCES, "Access is denied")
        self.winerror = winerror


class FakeKernel:
    """Windows with one process."""

    def __init__(self, *, rights: int = windows.TERMINATE | windows.WATCH) -> None:
        self.rights = rights
        self.exited = False
        self.refuses_to_end = False
        self.ends_while_refusing = False
        self.open_handles: list[int] = []
        self.terminated: list[tuple[int, int]] = []

    def open(self, pid: int, access: int) -> int:
        if pid != NOBODY:
            raise WindowsError_(windows.INVALID_PARAMETER)
        if access & ~self.rights:
            raise WindowsError_(windows.ACCESS_DENIED)
        self.open_handles.append(0x80)
        return 0x80

    def wait(self, handles: Sequence[int], milliseconds: int) -> bool:
        assert list(handles) == [0x80]
        return self.exited

    def terminate(self, handle: int, code: int) -> None:
        if self.refuses_to_end:
            self.exited = self.ends_while_refusing
            raise WindowsError_(windows.ACCESS_DENIED)
        self.terminated.append((handle, code))
        self.exited = True

    def close(self, handle: int) -> None:
        self.open_handles.remove(handle)


class TestWindows:
    def pinned(self, kernel: FakeKernel) -> windows.WindowsHandle:
        pin = windows.pin_by_handle(SHOWN, lambda _: SHOWN, kernel)
        assert pin is not None
        return pin

    @pytest.mark.parametrize("number", [signals.TERM, signals.KILL])
    def test_both_signals_end_the_process_through_its_handle(self, number: int):
        kernel = FakeKernel()
        pin = self.pinned(kernel)
        assert not pin.exited
        assert pin.send(number) == "sent"
        assert kernel.terminated == [(0x80, 1)]
        assert windows.wait_for_handles((pin,), 1, kernel) == (pin,)
        assert pin.send(number) == "gone"
        pin.close()
        assert kernel.open_handles == []

    def test_a_signal_that_windows_does_not_have_is_not_turned_into_an_end(self):
        kernel = FakeKernel()
        assert self.pinned(kernel).send(signals.CONT) == "denied"
        assert kernel.terminated == []

    def test_who_may_only_be_watched_is_pinned_and_not_ended(self):
        kernel = FakeKernel(rights=windows.WATCH)
        assert self.pinned(kernel).send(signal.SIGTERM) == "denied"
        assert kernel.terminated == []

    def test_who_may_not_even_be_watched_is_an_error_and_not_a_guess(self):
        with pytest.raises(DevportsError, match="cannot open a handle to process") as caught:
            windows.pin_by_handle(SHOWN, lambda _: SHOWN, FakeKernel(rights=0))
        assert caught.value.code == "no-pin"

    @pytest.mark.parametrize(("ends", "answer"), [(True, "gone"), (False, "denied")])
    def test_a_refusal_to_end_may_mean_that_it_is_ending(self, ends: bool, answer: str):
        kernel = FakeKernel()
        pin = self.pinned(kernel)
        kernel.refuses_to_end, kernel.ends_while_refusing = True, ends
        assert pin.send(signal.SIGTERM) == answer

    def test_a_number_of_nobody_is_not_pinned(self):
        key = ProcessKey(NOBODY + 1, 1)
        assert windows.pin_by_handle(key, lambda _: key, FakeKernel()) is None

    def test_a_number_of_another_one_is_let_go_again(self):
        kernel = FakeKernel()
        assert windows.pin_by_handle(SHOWN, lambda _: ANOTHER, kernel) is None
        assert kernel.open_handles == []

    def test_who_has_ended_while_somebody_keeps_a_handle_is_not_pinned(self):
        kernel = FakeKernel()
        kernel.exited = True
        assert windows.pin_by_handle(SHOWN, lambda _: SHOWN, kernel) is None
        assert kernel.open_handles == []

    def test_nobody_is_waited_for_when_nobody_is_pinned(self):
        assert windows.wait_for_handles((), 1, FakeKernel()) == ()
