"""The one exception that ends a command with a sentence for the person who typed it."""


class Refusal(Exception):
    """Something the caller asked for cannot be done, and the sentence says what to do instead.

    `status` is the exit status of the command: 1 for "no", 2 for "used wrongly".
    """

    def __init__(self, sentence: str, status: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
