"""The one exception for what a user can mend: it ends a run with one line and exit code 2."""

import os
import re


class UserError(Exception):
    """A file, value or key given by the user is wrong.

    The message is one line: it names the file, value or key, and says what would be right.
    """


def missing(what: str, error: OSError, expected: str) -> UserError:
    """The error for data that is not where it was looked for."""
    variable = os.environ.get("MASKREC_DATA")
    where = f"MASKREC_DATA is {variable}" if variable else "MASKREC_DATA, the folder of all data, is not set"
    return UserError(f"{what}: {error.strerror}; expected {expected} ({where})")


def one_line(error: Exception) -> str:
    """The message alone, also of an error that a loader process wrapped in its traceback."""
    return str(error).strip().splitlines()[-1].removeprefix(f"{UserError.__module__}.{UserError.__name__}: ")


def user_error_behind(error: BaseException) -> UserError | None:
    """The UserError that caused another error, if one did."""
    cause = error.__cause__
    while cause is not None and not isinstance(cause, UserError):
        cause = cause.__cause__
    return cause


# What jsonargparse says around the one line that matters, of values that may be of several types.
NOISE = re.compile(
    r"Does not validate|Subtypes:|Errors:|Given value|Problem with .*:$"
    r"|Expected a <class 'NoneType'>|Expected a path but"
)


def condense(message: str) -> str:
    """The first line of a parser's message that says what is wrong, after the key it is about."""
    keys: list[str] = []
    for line in message.splitlines():
        text = line.strip().removeprefix("- ")
        if key := re.match(r'Parser key "([^"]+)":\s*', text):
            keys.append(key[1])
            text = text[key.end() :]
        if text and not NOISE.match(text):
            return f"{'.'.join(keys)}: {text}" if keys else text
    return message
