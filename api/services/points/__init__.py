"""积分: earned, spent, ranked."""
