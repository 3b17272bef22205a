"""诉求: submit, read, handle."""
