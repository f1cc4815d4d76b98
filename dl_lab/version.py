"""The version, which both the package and its server extension tell."""

__version__ = "0.1.0"
