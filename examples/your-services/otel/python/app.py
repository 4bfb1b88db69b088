"""A web service that asks pricing, and knows nothing of the context of a request."""

import os

import requests
from flask import Flask

app = Flask(__name__)


@app.get("/")
def price() -> tuple[str, int]:
    reply = requests.get(os.environ["PRICING_URL"], timeout=2)
    return reply.text, reply.status_code


app.run(os.environ["ADDR"], int(os.environ["PORT"]))
