"""Null models: how large a correlation chance alone gives; arrays and coordinates only."""
