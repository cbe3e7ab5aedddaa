"""A devports that does nothing but to answer the hooks of a server."""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING

from devports.core.handoff import NO, RETRY, YES
from devports.core.model import Endpoint
from devports.system.bind import Reservation, replace, reserve

if hasattr(os, "fork"):
    from devports.run.hook_server import HookServer

if TYPE_CHECKING:
    from devports.core.handoff import HookRequest


class Desk:
    """A devports that answers: `answer` is called for each question, which are kept."""

    def __init__(self, port: int) -> None:
        self.questions: list[HookRequest] = []
        self.port = port
        self.held: Reservation | None = None
        self.refuses = False
        self.asks = HookServer({port}, self._answer)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def hold(self) -> None:
        held = reserve(Endpoint("127.0.0.1", self.port))
        assert isinstance(held, Reservation)
        self.held = held

    def _answer(self, ask: HookRequest) -> tuple[bytes, int | None]:
        self.questions.append(ask)
        if self.refuses or self.held is None:
            return NO, None
        if not ask.adopts:
            self.held.close()
            return RETRY, None
        if self.held.endpoint != ask.endpoint:
            fresh = replace([self.held], ask.endpoint)
            assert isinstance(fresh, Reservation)
            self.held = fresh
        return YES, self.held.fileno()

    def _serve(self) -> None:
        while not self._stop.is_set():
            poll = select.poll()
            self.asks.register(poll)
            self.asks.pump([number for number, _ in poll.poll(20)])

    def leave(self) -> None:
        """End as devports does when it is killed: nobody is there any more."""
        self._stop.set()
        self._thread.join()
        self.asks.close()
        if self.held is not None:
            self.held.close()
