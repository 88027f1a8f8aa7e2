"""The benchmark: ``make bench`` prints one JSON object a line.

``python -m tests.bench NAME …`` measures some. ``BENCH_SCALE=0.01`` takes a hundredth of the customers and intervals.
"""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings.test"  # before anything of the portal is imported
