"""Which of Chicago's food establishments to inspect first, every Monday, from public data."""
