"""议题: raise, read, move through the stages, speak, object, carry out, rate."""
