"""The doors: HTTP, streams and collectors."""
