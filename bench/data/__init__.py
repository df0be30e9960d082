"""Photographs and masks in Kaggle's layout, and their folds of cars."""
