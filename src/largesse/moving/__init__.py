"""A tenant with all that is his, on the way from one ledger to another."""
