"""A stand-in for the WeChat platform: a real HTTP server that behaves, and misbehaves on demand.

State lives in the memory of its process, as the platform's lives with the platform. Everything under
`/_control/` is the hand of the test or the demo; the rest is the platform's own surface. Loopback only.
"""
