"""niicorr as a program: ``niicorr`` and ``python -m niicorr``.

An interrupt while Python still loads what the command needs ends the process as any program's would, and without a
traceback: there is nothing yet to put in order. From `niicorr.cli.main.entry` on, interrupts are answered.
"""

import _signal  # type: ignore[import-not-found]  # signal itself loads enum first, and is interrupted there

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # else whoever called wants none to come here
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def program() -> None:
    """Do what the command line says; or, where a shell asks what may follow, tell it."""
    import os

    if "_ARGCOMPLETE" in os.environ:  # PYTHON_ARGCOMPLETE_OK
        from niicorr.cli.completion import answer

        answer()
    from niicorr.cli.main import entry

    entry()


if __name__ == "__main__":
    program()
