"""公开: planned by the clock or by hand, drafted, reviewed, published, questioned, archived."""
