"""An adapter that ends the interpreter as it is imported."""

import sys

sys.exit("no licence")
