"""The one exception for what a user can mend: it ends a run with one line and exit code 2."""


class UserError(ValueError):
    """A file, value or key given by the user is wrong.

    The message is one line: it names the file, value or key, and says what would be right.
    """


def one_line(error: UserError) -> str:
    """The message alone, also of an error that a loader process wrapped in its traceback."""
    return str(error).strip().splitlines()[-1].removeprefix(f"{UserError.__module__}.{UserError.__name__}: ")
