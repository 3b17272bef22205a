"""附件: pictures handed in, kept in a store, shown by short-lived addresses, attached to what they belong to."""

from api.services.uploads.attaching import attach

__all__ = ["attach"]
