"""Who may: API keys, tokens, and a guard on each protocol that lets no one else in."""
