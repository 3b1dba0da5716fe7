"""Watching over the processes of a Flow: who has died, hangs, or does not become ready."""
