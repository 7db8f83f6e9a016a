"""How often a process looks for garbage: a long-lived one that makes many values has better things to do."""

import gc


def settle() -> None:
    """Tells the garbage collector that what is there will stay, and to look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(250_000, 25, 25)
