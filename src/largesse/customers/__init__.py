"""Customers: the tenants' own, known by the id that the tenant gave them."""
