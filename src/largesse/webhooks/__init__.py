"""Webhooks: facts brought to an address of the tenant's, signed, until it has taken them."""
