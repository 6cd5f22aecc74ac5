"""The published lists in people's hands: the API below ``/v1``, and the room of the dashboard.

Everything is read from the schemas ``api`` and ``monitoring`` by connections that can change nothing.
"""
