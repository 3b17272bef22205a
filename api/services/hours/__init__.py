"""服务时长: recorded, added by two, corrected, read."""
