"""What it costs: ingest, storage, reads, memory and streams, each measured by one command (see README.md)."""
