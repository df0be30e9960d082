"""Recipe + fold -> a trained network."""

VERSION = 1  # raised when a recipe learns otherwise, beyond rounding: none is then current
