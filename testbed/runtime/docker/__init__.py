"""The `docker` runtime: a plan as containers in a network of the run. An app and its proxy share a pod."""
