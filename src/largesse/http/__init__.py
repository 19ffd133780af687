"""HTTP: the fast lane for the hot decisions, and the application for everything else."""
