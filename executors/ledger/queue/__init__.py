"""The cases that people work on: who has which, what they answered, and what counts then."""
