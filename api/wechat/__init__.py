"""The WeChat platform: client, token, push, crypto and the simulator that stands in for it. Imports kit only.

`client.WeChat` speaks to the platform, `push.PushGate` listens to it, `problems.translate` tells people
what went wrong, `fields` shapes the values of subscription messages.
"""
