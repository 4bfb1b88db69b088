"""Spans that services export by OTLP while a load is on."""
