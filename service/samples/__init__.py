"""Sample statements that `plaudit demo` pushes, and the story they are written from."""
