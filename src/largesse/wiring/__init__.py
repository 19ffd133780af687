"""From settings to a running application: the only package that knows all of it."""
