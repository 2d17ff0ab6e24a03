"""Streams answers until the budget is spent. What no chunk says is taken to be much."""
import json
import os

import httpx

BUDGET = 150
UNKNOWN = 60
client = httpx.Client(
    base_url=os.environ["OPENAI_BASE_URL"],
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    timeout=20,
)


def stream(job):
    used, body = UNKNOWN, {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": job["prompt"]}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with client.stream("POST", "/chat/completions", json=body) as reply:
        reply.raise_for_status()
        for line in reply.iter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            chunk = json.loads(line[6:])
            used = (chunk.get("usage") or {}).get("total_tokens", used)
    return used


spent = 0
for line in open(os.environ["DEADHEAT_JOBS"]):
    job = json.loads(line)
    if spent >= BUDGET:
        print(job["job"], "has to wait")
        continue
    try:
        used = stream(job)
        spent += used
        print(job["job"], "used", used)
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        spent += UNKNOWN
        print(job["job"], "failed:", error)
