"""统计: rates of cohorts, and what two persons left out of them."""
