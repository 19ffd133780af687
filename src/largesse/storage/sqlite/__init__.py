"""largesse in one SQLite file: one process, one writer thread, holders in memory."""
