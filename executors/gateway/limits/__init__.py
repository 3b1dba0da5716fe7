"""How much may be asked of the gateway: by a caller, at a time, in bytes, and how slowly."""
