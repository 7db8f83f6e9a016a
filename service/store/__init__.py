"""What remembers: the tables, and functions that take a connection."""
