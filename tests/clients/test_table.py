"""Last by its name: the table in `docs/serve.md` says what the other tests found."""
import os
import re
import unittest

from matrix import table
from server import ROOT

PAGE = ROOT / "docs/serve.md"
PLACE = re.compile(r"(?<=<!-- clients: written by `cargo xtask clients --update` -->\n).*?(?=<!-- end -->)", re.S)


class Table(unittest.TestCase):
    def test_the_page_says_what_was_found(self):
        page = PAGE.read_text()
        written = PLACE.sub(lambda _: table(), page, count=1)
        self.assertIn("| passes |", written)
        if os.environ.get("UPDATE"):
            PAGE.write_text(written)
        else:
            self.assertEqual(page, written, "run `cargo xtask clients --update`")


if __name__ == "__main__":
    unittest.main()
