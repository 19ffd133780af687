"""Notifications: winners are told, by whichever channel the operator has."""
