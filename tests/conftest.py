"""Fixtures shared by all tests: real engines once a run, a fresh migrated database for each test that asks."""
