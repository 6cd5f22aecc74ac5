"""The addresses below ``/v1``, a module each."""
