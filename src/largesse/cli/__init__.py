"""The command line: `largesse serve`, and commands that speak to a running server."""
