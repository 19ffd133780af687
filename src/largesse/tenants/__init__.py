"""Tenants: organisations that run campaigns, and the keys they call with."""
