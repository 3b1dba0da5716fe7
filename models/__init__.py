"""The embedded models: what renders their training pictures, and the scripts that train them."""
