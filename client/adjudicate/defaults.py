"""What stands in both the client and the command line, and needs nothing to import."""

DEFAULT_URL = "grpc://localhost:51000"
