"""预约接待: when a secretary receives, who asked to come, and what became of it."""
