"""The `docker` runtime: a plan as containers on a network of its own, an app and its proxy together in a pod."""
