"""Backups of the ledger's file: made while it is in use or at rest, checked, and put back."""
