"""表决: drafted, put to a frozen roll, cast, sealed, counted, published."""
