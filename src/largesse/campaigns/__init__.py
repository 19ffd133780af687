"""Campaigns and their rewards: what a tenant sets up, with a life cycle and a window."""
