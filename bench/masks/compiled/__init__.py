"""Loops over pixels and runs as machine code."""
