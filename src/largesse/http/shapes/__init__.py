"""What is said over HTTP: bodies as they are read, and things as they are shown."""
