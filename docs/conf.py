"""Configuration of the documentation."""

import craton

project = "craton"
author = "The craton developers"
copyright = "the craton developers"
version = release = craton.__version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/README.rst"]
html_theme = "furo"
html_title = "craton"
numpydoc_show_class_members = False
autodoc_typehints = "none"
autosummary_generate = True
myst_enable_extensions = ["dollarmath"]
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "gallery/_auto",
    "filename_pattern": r"plot_.*\.py",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1,
}
suppress_warnings = ["config.cache", "myst.header"]
