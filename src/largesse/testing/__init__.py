"""What whoever writes an adapter of his own needs to test it; wants pytest."""
