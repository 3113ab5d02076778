"""What all tests share: the same examples on every run, so that a red gate is red again when repeated."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
