"""What `make bench` measures: the machine, the bare parts, and the service itself, in one run."""
