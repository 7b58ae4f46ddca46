"""For ctest: runs one file of tests, `run.py test_train.py`. Exit status 77 where nothing failed and something had to be skipped."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    tests = unittest.defaultTestLoader.discover(HERE, pattern=sys.argv[1])
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    for test, why in result.skipped:
        print(f"SKIPPED {test.id()}: {why}")
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    sys.exit(77 if result.skipped else 0)


main()
