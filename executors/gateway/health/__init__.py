"""Canaries through every room and replica, and what is known from them."""
