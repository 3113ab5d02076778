"""What an interrupted run leaves for the one that continues it: maps as they were read, and finished pieces of work.

A piece is found again by a hash of everything that determines it, so a file or an option that has changed since
finds nothing; it is then made as if nothing had been kept.
"""
