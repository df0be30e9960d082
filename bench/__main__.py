"""`python -m bench` is `carvana-bench`."""

from bench.cli import entry_point

entry_point()
