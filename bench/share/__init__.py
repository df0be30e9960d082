"""An exported model for others: from Python, and from the Hugging Face hub."""
