"""The benchmark: ``make bench`` prints one JSON object a line."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings.test"  # before anything of the portal is imported
