"""The product Envoy, which is the mesh under test and the testbed's own inlet: bootstrap, admin, read-back."""
