"""From an operation's answer to what a template shows: plain functions, no requests, no HTML."""
