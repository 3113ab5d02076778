"""Signals that wait until something is whole."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

_INTERRUPTS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Let interrupts wait; blocking them in this thread would not do, since any other thread may take them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {kind: signal.signal(kind, lambda number, _: came.append(number))
              for kind in _INTERRUPTS}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, signal.SIG_DFL if handler is None else handler)
        for number in came:
            signal.raise_signal(number)
