"""Formats of other systems' senders, read purely: bytes in, points out."""
