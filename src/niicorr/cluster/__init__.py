"""Work done by the workers of a dask scheduler: reading, extraction, tiles, and descriptions for null models.

What a worker is told are names: a folder that it sees as the client does, and a slice. Maps are read from their files,
rows from files of the folder; what comes back is the outcome. So no array goes through the scheduler on its way out,
and a worker that is lost costs what it had not finished.

`niicorr.cluster.session.Cluster` is the client's side, `niicorr.cluster.work` the workers'. dask is loaded by
`niicorr.cluster.connection`, for those who ask for a scheduler, and by nothing else here before that.
"""
