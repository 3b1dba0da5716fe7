"""Ads that speak to their reviewer: the words, their disguises, and how they get into an ad."""
