"""A lock for module level."""

from __future__ import annotations

import os
import threading
from types import TracebackType


class Lock:
    """The thread that holds it may take it again: the garbage collector may run a finalizer anywhere. A child
    after fork() begins with a new one, since it lacks the thread that may have held it."""

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
