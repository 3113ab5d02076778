"""The report: a result as one page that works from disk.

`payload` says everything that the page shows as one JSON value, `page` holds the front end, `write` puts both together.
"""
