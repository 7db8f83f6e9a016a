"""What decides: pure functions from values to values; no database, no clock, no settings."""
