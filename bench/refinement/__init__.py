"""A map -> a better mask of it."""
