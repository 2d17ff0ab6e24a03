"""Streams answers until the budget is spent. What a chunk does not say was not used."""
import json
import os

import httpx

BUDGET = 150
client = httpx.Client(
    base_url=os.environ["OPENAI_BASE_URL"],
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    timeout=20,
)


def stream(job):
    used, body = 0, {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": job["prompt"]}],
        "stream": True,
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
        print(job["job"], "failed:", error)
