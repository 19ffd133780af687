"""Exactly N of something of value, to very many people, at the same instant."""
