"""The networks: each maps normalised images (B, 3, H, W) to logits (B, 1, H, W)."""
