"""What somebody does who changes a saved result and knows its hashes: make them anew, so that other checks are seen."""

from __future__ import annotations

import json
import os

from niicorr.hashes import file_hash, record_hash
from niicorr.result.saved import SEALED


def seal_result(folder: str | os.PathLike[str]) -> None:
    """Write down hashes of what is there now, as far as there are any and the record can be read."""
    place = os.path.join(folder, "run.json")
    try:
        with open(place, encoding="utf-8") as file:
            record = json.load(file)
        if record["schema"] < SEALED:
            return
        record["hashes"] = {name: file_hash(os.path.join(folder, name)) for name in record["hashes"]
                            if os.path.isfile(os.path.join(folder, name))}
        record["digest"] = record_hash(record, "files", "digest")
    except (ValueError, TypeError, LookupError, AttributeError, OSError, RecursionError):
        return
    with open(place, "w", encoding="utf-8") as file:
        json.dump(record, file)
