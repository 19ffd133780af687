"""Settings: one frozen tree, read once at the start and handed down as values."""
