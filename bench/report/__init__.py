"""A finished run in, one page out."""

from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE_FILES = sorted(TEMPLATES.iterdir())
