"""A data folder of either kind, opened and checked: Kaggle's layout, or one's own pictures."""
