"""A load test of any largesse server: claims by a crowd, then its answers against the ledger."""
