"""One declared page per file."""
