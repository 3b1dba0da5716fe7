"""The reviewers' console: pages at `/console` of the HTTP port, rendered here."""
