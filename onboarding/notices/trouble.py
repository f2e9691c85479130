"""What kept a notice from being delivered?"""


class NotDelivered(Exception):
    """Nothing was told, or nobody knows. `kind` is a word for operators, never what a server answered.

    `is_final`: trying again can't help before somebody mends something.
    """

    def __init__(self, kind: str, *, is_final: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind[:64]
        self.is_final = is_final
