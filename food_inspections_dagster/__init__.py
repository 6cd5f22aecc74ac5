"""Which of Chicago's food establishments to inspect first, every Monday, from public data."""

import warnings

# Backfill policies, partition mappings and loading a package carry these marks in Dagster 1.13; a page of warnings at
# each start would hide the one that matters. requirements.lock pins the version, a snapshot test watches it.
warnings.filterwarnings("ignore", message=".* is currently in (beta|preview), and may have breaking changes")
