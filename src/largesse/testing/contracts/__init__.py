"""One suite for each port: what every implementation promises."""
