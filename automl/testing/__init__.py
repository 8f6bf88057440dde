"""Conformance suites that plugin authors subclass, one a kind of part."""
