"""Runs the tests of a folder, this one by default, and closes with the three lines that the project's test command counts."""
import os
import sys
import unittest


class Counted(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


if __name__ == "__main__":
    here = sys.argv[1] if sys.argv[1:] else os.path.dirname(os.path.abspath(__file__))
    suite = unittest.defaultTestLoader.discover(here, pattern="test_*.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Counted).run(suite)
    failed, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    print(f"# pass {result.passed}\n# fail {failed}\n# skipped {skipped}")
    sys.exit(0 if result.wasSuccessful() and result.passed else 1)
