"""志愿服务记录证明: asked for, issued, printed, checked."""
