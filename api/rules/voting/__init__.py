"""Counting votes: the rule as one frozen object, the count, the outcome in words, and the check of a bulletin."""
