"""Other pictures behind training cars, so that a network learns the car and not the studio."""
