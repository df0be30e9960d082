"""Kaggle submission files: written, checked, scored, mended, and handed to Kaggle's own client."""
