"""What a running server does beside answering: periodic jobs and a line per batch."""
