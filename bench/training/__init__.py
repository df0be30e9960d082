"""Recipe + fold -> a trained network."""
