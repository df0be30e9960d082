"""Members' maps -> one map."""
