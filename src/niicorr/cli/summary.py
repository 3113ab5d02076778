"""The summary for ``--json``: plain JSON types, the account of a run for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr._version import __version__
from niicorr.cli.account import STRONGEST
from niicorr.result.sentences import counted, map_sets, pairs, without_number, zeros_matter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from niicorr.calibration import Calibration
    from niicorr.pipeline import CheckReport
    from niicorr.records import Decision, MapRecord
    from niicorr.result import CorrelationResult
    from niicorr.typing import Float64Array, IntArray


def summary(result: CorrelationResult, out: str | None, files: Sequence[str]) -> dict[str, Any]:
    """Summarise a result in plain JSON types: no NaN (null instead), all texts valid Unicode."""
    found = np.isfinite(pairs(result))
    reasons = without_number(result)
    return {
        "niicorr": __version__,
        "method": result.method,
        "null": result.null,
        "null_text": result.null_text,
        "same_set": result.same_set,
        "x": {"maps": len(result.x_maps), "skipped": _skipped(result.x_maps)},
        "y": {"maps": len(result.y_maps), "skipped": _skipped(result.y_maps)},
        "pairs": int(counted(result).sum()),
        "r": _range(result.estimate[found]),
        "n": _range(result.counts[found]),
        "strongest": [
            {"x": _valid(result.x_labels[j]), "y": _valid(result.y_labels[i]),
             "r": float(result.estimate[i, j]), "n": int(result.counts[i, j]),
             **{name: _finite(values[i, j]) for name, values in result.inferred.items()}}
            for i, j in result.strongest(STRONGEST)
        ],
        "tests": _tests(result),
        "cells_without_number": {
            "count": sum(reason.count for reason in reasons),
            "reasons": [{"count": reason.count, "text": _valid(reason.text)} for reason in reasons],
        },
        "decisions": [_decision(decision) for decision in result.decisions],
        "map_decisions": [
            {"set": name, "label": _valid(record.label), **_decision(decision)}
            for name, maps in map_sets(result) for record in maps for decision in record.decisions
        ],
        "warnings": [_valid(text) for text in result.warnings],
        "sensitivity": _sensitivity(result),
        "out": None if out is None else _valid(out),
        "files": [_valid(name) for name in files],
    }


def check_summary(report: CheckReport) -> dict[str, Any]:
    """Summarise what ``check`` found, in plain JSON types."""
    sets = {"x": report.x_maps, "y": report.y_maps}
    return {
        "niicorr": __version__,
        "maps": [
            {"set": name, "label": _valid(m.label), "path": _valid(m.path), "error": m.error and _valid(m.error),
             "shape": list(m.shape), "dtype": m.dtype, "orientation": m.orientation,
             "background": None if m.background is None else f"{m.background:.17g}", "n_voxels": m.n_voxels,
             "coverage": m.coverage, "decisions": [_decision(decision) for decision in m.decisions]}
            for name, maps in sets.items() for m in maps
        ],
        "decisions": [_decision(decision) for decision in report.decisions],
        "warnings": [_valid(text) for text in report.warnings],
        "refusal": report.refusal and _valid(report.refusal),
    }


def calibration_summary(calibration: Calibration, out: str | None, files: Sequence[str]) -> dict[str, Any]:
    """Summarise a calibration in plain JSON types."""
    from niicorr.calibration.rates import rates

    return {
        "niicorr": __version__,
        "method": calibration.method,
        "alternative": calibration.alternative,
        "text": calibration.text,
        "x": {"maps": len(calibration.x_maps), "skipped": _skipped(calibration.x_maps)},
        "y": {"maps": len(calibration.y_maps), "skipped": _skipped(calibration.y_maps)},
        "same_set": calibration.same_set,
        "nulls": [{**rates(tried), "verdict": tried.verdict} for tried in calibration.nulls],
        "decisions": [_decision(decision) for decision in calibration.provenance.decisions],
        "warnings": [_valid(text) for text in calibration.warnings],
        "out": None if out is None else _valid(out),
        "files": [_valid(name) for name in files],
    }


def _tests(result: CorrelationResult) -> dict[str, Any] | None:
    """Count the tests, and those that survive each correction at .05."""
    if "p" not in result.inferred:
        return None
    columns = {name: np.where(counted(result), result.inferred[name], np.nan) for name in ("p", "p_fdr", "p_fwe")}
    return {"count": int(np.isfinite(columns["p"]).sum()),
            **{f"{name}_up_to_05": int((values <= 0.05).sum()) for name, values in columns.items()}}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _sensitivity(result: CorrelationResult) -> dict[str, Any] | None:
    if result.sensitivity is None:
        return None
    error, flips, both = result.sensitivity.largest_error(result.estimate, lower=result.same_set)
    return {"naive_largest_error": error, "naive_sign_flips": flips, "naive_pairs": both,
            "step": result.sensitivity.step, "zeros_matter": zeros_matter(result)}


def _decision(decision: Decision) -> dict[str, str]:
    return {"topic": decision.topic, "text": _valid(decision.text)}


def _skipped(maps: Sequence[MapRecord]) -> list[dict[str, str]]:
    return [{"label": _valid(record.label), "path": _valid(record.path), "error": _valid(record.error)}
            for record in maps if record.error is not None]


def _range(values: Float64Array | IntArray) -> list[float] | None:
    return [values.min().item(), values.max().item()] if values.size else None


def _valid(text: str) -> str:
    """Text that encodes as UTF-8: lone surrogates (file names of other encodings) become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
