"""Issuance: the ledger of what was given, and the one rule under every mechanic, settle."""
