"""Bringing things to where others listen."""
