"""largesse in PostgreSQL: any number of processes on one ledger."""
