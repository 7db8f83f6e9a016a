"""The commands of `plaudit`, one module each."""
