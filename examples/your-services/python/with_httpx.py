"""Asks pricing with httpx."""

from __future__ import annotations

import os

import httpx
from serving import serve

pricing = httpx.Client(base_url=os.environ["PRICING_URL"], timeout=3)


def answer(path: str, baggage: str) -> str:
    return pricing.get(path, headers={"baggage": baggage}).raise_for_status().text


serve(answer, httpx.HTTPError)
