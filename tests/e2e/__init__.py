"""A package, so that the Flow of its tests ends with the last of them: see conftest.py."""
