"""What each client does with the server, and how it ended: the table in `docs/serve.md`."""
import functools

ROWS = []


def tried(what):
    """Marks a test of a class with `client` and `version`; `what` is a row of the table."""

    def mark(test):
        @functools.wraps(test)
        def wrapped(self):
            row = [self.client, self.version, what, "fails"]
            ROWS.append(row)
            test(self)
            row[-1] = "passes"

        return wrapped

    return mark


def table():
    """Returns the table, sorted by client and version."""
    rows = sorted(ROWS, key=lambda row: (row[0].lower(), [int(part) for part in row[1].split(".")], row[2]))
    head = [["client", "version", "what is tried", "result"], ["---"] * 4]
    return "".join(f"| {' | '.join(row)} |\n" for row in head + rows)
