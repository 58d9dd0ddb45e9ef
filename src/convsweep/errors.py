"""The two kinds of errors that are told without Python's own traceback."""


class UserError(Exception):
    """Something that the person at the keyboard can put right; its text says what, the rule and the value."""


class FaultError(Exception):
    """A fault of the program's own, met in another process; its text holds the traceback from there."""
