"""A trained entry in one folder, and the cars it cuts out."""
