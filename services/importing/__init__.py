"""Measured data from files: a format per file, recognised by its header."""

from services.importing.command import run_import_command
from services.importing.registry import FORMATS
from services.importing.run import BadRow, Report, import_files

__all__ = ["FORMATS", "BadRow", "Report", "import_files", "run_import_command"]
