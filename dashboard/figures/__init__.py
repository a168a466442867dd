"""Figures: a table in, a figure out."""
