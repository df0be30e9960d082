"""Maps, masks and runs: one representation each, and the exact ways between them."""
