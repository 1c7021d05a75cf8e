"""What `scripts/plot.py` draws, one command per file: its arguments, and a function that draws from them."""
