"""Adapters that keep things: one folder per technology, one file per domain."""
