"""How fast every part is beside what others offer, and beside what memory allows."""
