"""What decides a run: recipe, suite, refinement steps, and where its files lie."""
