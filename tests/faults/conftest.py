"""The bench on which commands are disturbed."""

from __future__ import annotations

import pytest
from every_command import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))
