"""Bringing data in: files are read as numbered records, refused line by line, stored batch by batch."""
