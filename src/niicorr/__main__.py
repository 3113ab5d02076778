"""``python -m niicorr``."""

from niicorr.cli.main import entry

entry()
