"""Pure functions: arrays and numbers in, numbers out."""
