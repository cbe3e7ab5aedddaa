"""The pin of macOS on a real process: only the word of its end comes from elsewhere."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

from devports.system import macos, native
from devports.system.linux import pidfd
from tests.harness.capabilities import NEEDS_PROC
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo


class PidfdWatch:
    """A process descriptor: readable when its process has ended, as a kqueue is."""

    def __init__(self, pid: int) -> None:
        self._descriptor = pidfd.open_pid(pid)

    def ended(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


@NEEDS_PROC
def test_a_process_is_signalled_and_seen_to_end(zoo: Zoo, port: int):
    machine = native()
    key = machine.key(zoo("listener", port).pid)
    assert key is not None
    pin = macos.pin_by_queue(key, machine.key, PidfdWatch)
    assert pin is not None
    assert (pin.exited, macos.wait_for_queues((pin,), 0)) == (False, ())
    assert pin.send(signal.SIGTERM) == "sent"
    assert eventually(lambda: macos.wait_for_queues((pin,), 1)) == (pin,)
    assert pin.send(signal.SIGTERM) == "gone"
    pin.close()
    assert macos.pin_by_queue(key.replace(start=-1), machine.key, PidfdWatch) is None
