"""When the stages are made: on Mondays, when the portal changes, or when somebody asks for it."""
