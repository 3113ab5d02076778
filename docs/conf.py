"""The site: what Sphinx is told. Built by `nox -s docs`, offline; a warning is an error."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))
# Figures are drawn without a display, and look the same wherever the site is built.
os.environ.setdefault("MPLBACKEND", "Agg")

project = "niicorr"
author = "the niicorr developers"
copyright = "2026, the niicorr developers"
version = release = version_of("niicorr")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "command_reference",
    "formulas",
]

exclude_patterns = ["_build", "gallery/GALLERY_HEADER.rst", "decisions/README.md"]
templates_path: list[str] = []
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
language = "en"
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": True,
    "remove_config_comments": True,
    "show_memory": False,
    "matplotlib_animations": False,
    "abort_on_example_error": True,
    "plot_gallery": True,
    "min_reported_time": 1e9,
    "show_signature": False,
    "capture_repr": (),  # what an example prints is what it wants to say
    "image_scrapers": ("gallery_figures.scrape",),
    "default_thumb_file": str(HERE / "images" / "demo.png"),
}

html_theme = "pydata_sphinx_theme"
html_title = "niicorr"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_math_renderer = "mathml"
html_sidebars = {"index": [], "coming-from": []}
