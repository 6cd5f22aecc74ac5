"""See :mod:`food_inspections_portal.command`."""

import sys

from food_inspections_portal.command import main

sys.exit(main())
