"""Listeners for devices that do not speak HTTP."""
