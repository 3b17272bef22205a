"""志愿活动: organised, signed up for, attended, settled."""
