"""The methods paragraph of a result, ready to paste into a paper, with the references it cites.

Every sentence is drawn from what the result itself carries: its maps with their decisions, its options, its
numbers. What an older result does not record is left out rather than assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from niicorr.result.citations import REFERENCES
from niicorr.result.methods_facts import Facts
from niicorr.result.methods_maps import sentences_on_maps
from niicorr.result.methods_nulls import sentences_on_nulls
from niicorr.result.methods_rois import sentences_on_rois

if TYPE_CHECKING:
    from niicorr.result.correlation import CorrelationResult


@dataclass(frozen=True)
class Methods:
    """What to say of a result in a paper.

    Attributes
    ----------
    text : str
        One paragraph; its citations are in brackets, author and year.
    references : tuple of str
        What the paragraph cites, in alphabetical order.
    """

    text: str
    references: tuple[str, ...]

    def __str__(self) -> str:
        """The paragraph, an empty line, and the list of references."""
        return "\n".join([self.text, "", "References", *self.references])


def methods(result: CorrelationResult) -> Methods:
    """Tell how a result was made: one paragraph in the past tense, and the references it cites.

    Parameters
    ----------
    result : CorrelationResult
        In memory or restored from a folder; options that an older one does not record are left out.
    """
    facts = Facts(result)
    told = [*sentences_on_maps(facts), *sentences_on_nulls(facts)] if not result.series else sentences_on_rois(facts)
    text = " ".join(told)
    return Methods(text, tuple(full for cited, full in REFERENCES.items() if cited in text))
