"""Recipe + fold -> a trained network."""

VERSION = 1  # raised when the same recipe would learn otherwise: no older training is then current
