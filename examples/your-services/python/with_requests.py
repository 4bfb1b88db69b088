"""Asks pricing with requests."""

from __future__ import annotations

import os

import requests
from serving import serve

pricing = requests.Session()


def answer(path: str, baggage: str) -> str:
    reply = pricing.get(os.environ["PRICING_URL"] + path, headers={"baggage": baggage}, timeout=3)
    reply.raise_for_status()
    return reply.text


serve(answer, requests.RequestException)
