"""The one kind of error that is told in one line, without a traceback."""


class UserError(Exception):
    """Something that the person at the keyboard can put right; its text says what, the rule and the value."""
