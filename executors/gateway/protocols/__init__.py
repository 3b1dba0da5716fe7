"""HTTP and WebSocket: thin, over the operations."""
