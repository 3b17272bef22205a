"""需求: submit, screen, claim, do, confirm."""
