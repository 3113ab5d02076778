"""What a command says to other programs, or at once to whoever asks: written to the end, or refused."""

from __future__ import annotations

import sys

from niicorr.errors import ResourceError


def put(text: str, what: str) -> None:
    """Write a text to standard output, where there is one.

    Parameters
    ----------
    text : str
        All that is to be written.
    what : str
        It is called so where no more can be written.

    Raises
    ------
    ResourceError
        Where the disk is full, or anything else but the other end of a pipe ends it.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        pass  # whoever read it has gone
    except OSError as error:
        raise ResourceError(f"standard output takes no more of {what} ({error.strerror or error}): write it to another "
                            "place") from None
