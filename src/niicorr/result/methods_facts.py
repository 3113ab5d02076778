"""What the sentences of a methods paragraph need of a result, and how counts and names are written in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.numerals import NARROW, integer, listed
from niicorr.records import FEW
from niicorr.tables import printable

if TYPE_CHECKING:
    from niicorr.records import MapRecord
    from niicorr.result.correlation import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array

NAMED = 5
"""So many maps, covariates or background values are named; of more, the rest is counted."""

CORRELATIONS = frozenset({"pearson", "spearman", "bicor"})
"""Those whose value is called r."""


@dataclass(frozen=True, eq=False)
class Facts:
    """What several sentences need of a result."""

    result: CorrelationResult

    @property
    def options(self) -> dict[str, Any]:
        """The options of the run, defaults filled in."""
        return self.result.provenance.options

    @cached_property
    def maps(self) -> tuple[MapRecord, ...]:
        """Every map that was used; one that is in both sets twice."""
        result = self.result
        given = result.x_maps if result.same_set else (*result.x_maps, *result.y_maps)
        return tuple(record for record in given if not record.error)

    @property
    def units(self) -> str:
        """What n counts."""
        return f"{self.result.unit}s"

    @property
    def value(self) -> str:
        """What the number in a cell is called."""
        return "r" if self.result.method in CORRELATIONS else "the similarity"

    @property
    def sizes(self) -> tuple[int, int]:
        """How many maps of x and of y were used."""
        n_x, n_y = (sum(not record.error for record in maps) for maps in (self.result.x_maps, self.result.y_maps))
        return n_x, n_y

    @cached_property
    def pairs(self) -> BoolArray:
        """Each pair of used maps once, shape (rows y, columns x)."""
        x_used, y_used = (np.array([not record.error for record in maps], dtype=np.bool_)
                          for maps in (self.result.x_maps, self.result.y_maps))
        pairs = np.logical_and.outer(y_used, x_used)
        return np.tril(pairs, -1) if self.result.same_set else pairs

    @cached_property
    def numbered(self) -> BoolArray:
        """Those of them that have a number."""
        return np.asarray(self.pairs & np.isfinite(self.result.estimate))

    def inferred(self, name: str) -> Float64Array:
        """Return what was inferred, each pair once; empty where nothing was."""
        values = self.result.inferred.get(name)
        return np.empty(0) if values is None else values[self.pairs & np.isfinite(values)]

    @cached_property
    def n_tests(self) -> int:
        """How many pairs have a p-value."""
        return 0 if self.result.null == "none" else self.inferred("p").size

    def decided(self, topic: str) -> str:
        """Return the first thing decided on a topic about all maps together."""
        return next((decision.text for decision in self.result.decisions if decision.topic == topic), "")

    def decided_on_maps(self, topic: str) -> list[str]:
        """Return what was decided about single maps, one text for each map and decision."""
        return [decision.text for record in self.maps for decision in record.decisions if decision.topic == topic]


COUNT = "([0-9][0-9\N{NO-BREAK SPACE}]*)"
"""A number in what was decided; older results have it without spaces."""


def counted(text: str) -> int:
    """Return the number that `COUNT` found."""
    return int(text.replace(NARROW, ""))


def covariates_of(facts: Facts) -> list[str]:
    """Name the covariate maps; ``<map>`` stands for one that has no name of its own."""
    given = facts.options.get("partial") or []
    names = [given] if isinstance(given, str) else [str(name) for name in given]
    told = " ".join(decision.text for decision in facts.result.decisions if decision.topic == "partial")
    found = re.search(f"{COUNT} covariate maps? regressed out", told)
    if found and counted(found[1]) != len(names):
        # A folder or a pattern stands for several.
        return ["<map>"] * counted(found[1])
    return names


def rounded(value: float) -> str:
    """Write a number of independent values."""
    return f"{value:.1f}" if value < FEW else integer(round(value))


def value_text(value: float) -> str:
    """Write a value of a map."""
    return "NaN" if np.isnan(value) else f"{value:.6g}".replace("inf", "infinity").replace("-", "−")


def was(n: int) -> str:
    """Return the verb for so many."""
    return "was" if n == 1 else "were"


def file_name(path: str) -> str:
    """Return the last part of a path, safe to show."""
    return printable(re.split(r"[/\\]", path)[-1])


def some(names: list[str]) -> str:
    """Join the first few, and count the rest."""
    more = len(names) - NAMED
    return listed([*names[:NAMED], f"{integer(more)} more"] if more > 0 else names)
