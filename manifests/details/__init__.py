"""What belongs to one source alone, each named after it or after what it holds."""
