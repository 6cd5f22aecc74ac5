"""What the stored data looks like: profiles of tables, the report of a week, and the story that the data tells.

Pure: frames go in, frames and texts come out.
"""
