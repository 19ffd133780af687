"""What a code looks like, how it is made from a place in a counter, and how it is read again."""
