"""RPC: the coupon service over Connect, gRPC-Web and gRPC, and the older one for its old clients.

`coupons.py` says what can be done, in our words; `v1.py` and `compat.py` say it in the messages of
the two services; `door.py` is what a listener calls. `generated/` is made from `proto/`.
"""
