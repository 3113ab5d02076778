"""Which scheduler is meant: ``tcp://…``, the file that a scheduler wrote, or workers of our own on this machine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from niicorr.errors import UsageError, told_on
from niicorr.tables import path_text

PROTOCOLS = ("tcp", "tls", "ucx", "ws", "wss")
"""Ways to reach a scheduler that dask knows."""

_LOCAL = re.compile(r"local(?::([0-9]{1,4}))?")
_PORT = re.compile(r"^(?:\[[^\[\]]+\]|[^\[\]:/]+):([0-9]{1,5})/?$")
_HOST_PORT = re.compile(r"[A-Za-z0-9_.-]+:[0-9]{1,5}")

HOW = ("name its address (tcp://host:8786), the file that it wrote (dask scheduler --scheduler-file FILE), or local:N "
       "for N workers on this machine")


@dataclass(frozen=True)
class Scheduler:
    """A scheduler, and where its workers and this process meet.

    Parameters
    ----------
    text : str
        As the user named it.
    folder : str
        The folder in which a hidden one is made for the run; all workers must see it under this name.
    """

    text: str
    folder: str = ""

    def __post_init__(self) -> None:
        text, fault = self.text, ""
        if not text or "\0" in text:
            fault = "the scheduler has no name"
        elif "://" in text:
            protocol, _, rest = text.partition("://")
            if protocol not in PROTOCOLS or not rest:
                fault = f"{path_text(text)} is no address of a scheduler"
            elif (port := _PORT.search(rest)) is None or not 0 < int(port[1]) < 1 << 16:
                fault = f"{path_text(text)} has no port (1 to 65535)"
        elif (local := _LOCAL.fullmatch(text)) is not None:
            if local[1] is not None and int(local[1]) < 1:
                fault = f"{text}: at least one worker is needed"
        elif text.startswith("local:") and not self._host_port and not os.path.lexists(text):
            fault = f"{path_text(text)}: workers are counted from 1 to 9999"
        elif not self._host_port and os.path.isdir(text):
            fault = f"{path_text(text)} is a folder, not the file that a scheduler wrote"
        if fault:
            raise UsageError(f"{fault}: {HOW}")

    @property
    def local(self) -> bool:
        """Whether workers are to be started on this machine."""
        return _LOCAL.fullmatch(self.text) is not None

    @property
    def n_workers(self) -> int | None:
        """How many; None where that was not said."""
        found = _LOCAL.fullmatch(self.text)
        return None if found is None or found[1] is None else int(found[1])

    @property
    def url(self) -> str | None:
        """Its address, where that was given and not a file that tells it."""
        if self._host_port:
            return f"tcp://{self.text}"
        return self.text if "://" in self.text else None

    @property
    def _host_port(self) -> bool:
        return _HOST_PORT.fullmatch(self.text) is not None and not self.local and not os.path.exists(self.text)


@told_on("docs/cluster.md")
def scheduler_of(value: Any) -> Scheduler:
    """Take what a user gave for a scheduler; anything else raises `UsageError`."""
    if isinstance(value, Scheduler):
        return value
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"scheduler is a text, not {type(value).__name__}: {HOW}")
    return Scheduler(os.fsdecode(value))
