"""Pure measures: masks and scores in, numbers out."""
