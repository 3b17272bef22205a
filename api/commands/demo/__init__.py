"""`linli demo`: a real town with invented people, and a narrated tour through it over real HTTP."""

from api.commands.demo.command import commands

__all__ = ["commands"]
