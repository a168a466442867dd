"""What doors and screens share."""

VERSION = "0.1.0"
"""The product's; `pyproject.toml` says the same."""
