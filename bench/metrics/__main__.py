"""Prints the definitions of all metrics, as `docs/metrics.md` holds them."""

import sys

from bench.metrics.document import markdown

sys.stdout.write(markdown())
