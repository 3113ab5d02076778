"""One folder with all sound files, for every test that reads damaged ones."""

import pytest

from .campaign import Workshop


@pytest.fixture(scope="session")
def shop():
    with Workshop() as made:
        for seed in made.seeds:  # fonts that matplotlib opens at its first text stay open
            made.judge(seed.reader, seed.files)
        yield made
