"""Mutation testing of what computes numbers and reads images: a sample of small changes, each of which a test must see.

mutmut (``[tool.mutmut]`` in ``pyproject.toml``) makes the changes and runs the tests that reach each of them; here a
part of them is drawn, the same one for the same code, and what came of it is counted::

    python -m tests.mutants 420
"""
