"""One run of a suite, from its folds to its report."""
