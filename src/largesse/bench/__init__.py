"""The bench: what is measured, against which ceiling."""
