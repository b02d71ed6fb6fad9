"""`python interpreter.py local|dev`: check the Python that runs this, then install the group with `bootstrap.py`.

This file has to be readable by every Python, also by Python 2, so that each gets a sentence instead of a SyntaxError.
"""

import sys

OLDEST = (3, 11)
NEWEST = (3, 14)
# The Python versions that AWS Lambda runs, of those that this project supports.


def refusal(found, executable):  # noqa: ANN001, ANN201  (Python 2 has no annotations)
    # type: (tuple[int, int], str) -> str
    """Say why a Python version cannot be used; an empty text for one that can."""
    if OLDEST <= found <= NEWEST:
        return ""
    needed = "This needs Python {}.{} to {}.{}".format(*(OLDEST + NEWEST))
    given = "{} is {}.{}".format(executable, found[0], found[1])  # noqa: UP032
    return needed + ", and " + given + "; choose another one, as in `make run PYTHON=python3.12`."


def main(group):  # noqa: ANN001, ANN201
    # type: (str) -> int
    """Install the group; returns the exit code."""
    sentence = refusal(sys.version_info[:2], sys.executable)
    if sentence:
        sys.stderr.write(sentence + "\n")
        return 1
    try:
        from bootstrap import main as install  # type: ignore[import-not-found]

        return int(install(group))
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; nothing was installed.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
