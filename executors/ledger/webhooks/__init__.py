"""Signed messages to whoever must know what people settled."""
