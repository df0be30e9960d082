"""`python -m bench` is `carvana-bench`."""

from bench.cli.verbs import entry_point

entry_point()
