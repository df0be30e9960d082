"""Exported models and submission files, scored on any labelled photographs."""
