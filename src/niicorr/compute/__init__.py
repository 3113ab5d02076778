"""Arithmetic on arrays; no files, no labels, no figures."""
