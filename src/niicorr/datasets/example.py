"""What a maker of example data returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """Files to compare, and what is true of them.

    Attributes
    ----------
    x, y : tuple of str
        Paths for the columns and the rows; ``y`` is empty for one set, and for runs.
    about : str
        What the files are, in a sentence or two.
    atlas : str or None
        A label image on the grid of the files.
    confounds : tuple of str
        A table for each run.
    truth : dict
        What was planned: of `question` the correlations, shape (4, 20); of others see the maker.
    """

    x: tuple[str, ...]
    y: tuple[str, ...] = ()
    about: str = ""
    atlas: str | None = None
    confounds: tuple[str, ...] = ()
    truth: dict[str, Any] = field(default_factory=dict)
