"""How to make a service propagate the context of a request: two lines of OpenTelemetry for each language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

RECIPES: Mapping[str, str] = {
    "Python": (
        "pip install opentelemetry-distro && opentelemetry-bootstrap -a install\n"
        "command: [opentelemetry-instrument, --traces_exporter=none, --metrics_exporter=none, --logs_exporter=none, "
        "python, app.py]"
    ),
    "Node": (
        "npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\n"
        "env: {NODE_OPTIONS: --require @opentelemetry/auto-instrumentations-node/register "
        "--experimental-loader=@opentelemetry/instrumentation/hook.mjs}"
    ),
    "Go": (
        "otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, "
        "propagation.Baggage{}))\n"
        "wrap server and client: otelhttp.NewHandler(mux, name), otelhttp.NewTransport(http.DefaultTransport)"
    ),
    "Java": (
        "mvn dependency:copy -Dartifact=io.opentelemetry.javaagent:opentelemetry-javaagent:RELEASE "
        "-Dmdep.stripVersion -DoutputDirectory=.\n"
        "env: {JAVA_TOOL_OPTIONS: -javaagent:opentelemetry-javaagent.jar}"
    ),
}
OTHERWISE = (
    "send the header of each request with every call that it causes; lines for "
    f"{', '.join(RECIPES)} are in docs/your-services.md"
)
_SIGNS: Mapping[str, str] = {
    "Python": r"python[0-9.]*|uvicorn|gunicorn|hypercorn|flask|uv|poetry|.*\.py",
    "Node": r"node|npm|npx|yarn|pnpm|bun|.*\.[cm]?[jt]s",
    "Go": r"go|.*\.go",
    "Java": r"java|mvnw?|gradlew?|.*\.jar",
}


def instructions(command: Sequence[str]) -> str:
    """Return the two lines for the language of a command; for an unknown language, one line that leads to all recipes.

    A command may be a text for a shell, and an image may have a tag.
    """
    words = [word.rpartition("/")[2].partition(":")[0] for text in command for word in text.split()]
    language = next((name for word in words for name, sign in _SIGNS.items() if re.fullmatch(sign, word)), "")
    return f"in {language}, with OpenTelemetry:\n{RECIPES[language]}" if language else OTHERWISE
