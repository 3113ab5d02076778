"""The Connectome Workbench's way: volumes become CIFTI of one structure, rows become maps, rows are correlated.

python wb_cross_correlation.py X_DIR Y_DIR MASK OUT.txt
"""

import os
import subprocess
import sys
import tempfile


def main(x_dir, y_dir, mask, out):
    """Correlate every file of one folder with every file of the other."""
    with tempfile.TemporaryDirectory() as scratch:

        def place(name):
            return os.path.join(scratch, name)

        with open(place("labels.txt"), "w", encoding="ascii") as file:
            file.write("OTHER\n1 255 0 0 255\n")
        wb("-volume-label-import", mask, place("labels.txt"), place("labels.nii"))
        for name, folder in (("x", x_dir), ("y", y_dir)):
            files = [part for f in sorted(os.listdir(folder)) for part in ("-volume", os.path.join(folder, f))]
            wb("-volume-merge", place(f"{name}.nii"), *files)
            wb("-cifti-create-dense-scalar", place(f"{name}.dscalar.nii"), "-volume", place(f"{name}.nii"),
               place("labels.nii"))
            wb("-cifti-transpose", place(f"{name}.dscalar.nii"), place(f"{name}.turned.nii"))
        wb("-cifti-cross-correlation", place("y.turned.nii"), place("x.turned.nii"), place("r.nii"))
        wb("-cifti-convert", "-to-text", place("r.nii"), out)


def wb(*arguments):
    """Run one command."""
    subprocess.run(["wb_command", *arguments], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
