"""The site: python -m sphinx -W docs docs/site."""

import bikeml

project = "bikeml"
version = release = bikeml.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
exclude_patterns = ["make", "site"]
html_theme = "furo"
html_title = "bikeml"
html_show_copyright = False
html_show_sourcelink = False
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
pygments_style = "default"
