"""Draws: a customer's chance at a weighted set of rewards, exact and open to be checked."""
