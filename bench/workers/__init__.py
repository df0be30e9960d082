"""Ways to run the items of a run: on one machine, and on many."""
