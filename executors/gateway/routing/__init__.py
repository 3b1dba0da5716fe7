"""How a request goes through the rooms."""
