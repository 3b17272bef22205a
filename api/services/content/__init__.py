"""内容审核: what residents write and photograph is judged before others see it."""
