"""Maps + masks -> scores, ranks, tables."""
