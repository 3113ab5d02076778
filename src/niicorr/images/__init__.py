"""From files to a matrix: the only room that knows image formats.

``discover`` finds the maps, ``header`` judges each header, ``load`` brings volumes, ``inspect`` finds
background and zeros, ``sampling`` fixes grid and mask, ``extract`` makes the rows.
"""
