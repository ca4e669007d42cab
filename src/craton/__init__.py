"""craton: from geophysical data to a model that you can defend."""

__version__ = "0.1.0.dev0"
