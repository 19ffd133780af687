"""Words without business or I/O: time, ids, money, pages, commands, facts."""
