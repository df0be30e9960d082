"""A recipe's network: built, loaded, and run over photographs."""
