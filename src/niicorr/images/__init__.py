"""From files to a matrix: the only room that knows image formats.

``discover`` lists the maps, ``header`` judges each header (``mapset``: of all), ``load`` brings volumes out of
a ``stream`` of bytes, ``inspect`` finds background and zeros and keeps the data as ``voxels`` (``survey``: of
all), ``sampling`` fixes grid and mask, ``extract`` makes the rows, by ``resample`` where grids differ.
"""
