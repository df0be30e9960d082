"""A finished run in, one page out."""
