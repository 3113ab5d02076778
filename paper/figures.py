"""Draw the figures of the paper from the gallery's scripts.

    python paper/figures.py

Each is drawn by the script that shows it on the site; example data are made in a temporary folder.
"""

import os
import runpy
import tempfile

import matplotlib as mpl

HERE = os.path.dirname(os.path.abspath(__file__))
FIGURES = {"flattening.png": ("plot_02_flattening.py", "figure"), "effective.png": ("plot_15_effective.py", "figure")}
"""The file, the script of the gallery, and the name that the figure has in it."""


def main():
    """Draw them all."""
    mpl.use("Agg")
    examples = os.path.join(os.path.dirname(HERE), "examples")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, (script, figure) in FIGURES.items():
            drawn = runpy.run_path(os.path.join(examples, script))[figure]
            drawn.savefig(os.path.join(HERE, name), dpi=150, bbox_inches="tight", facecolor="white",
                          metadata={"Software": None})
            print(name)


if __name__ == "__main__":
    main()
