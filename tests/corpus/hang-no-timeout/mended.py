"""Embarrassingly simple: one question after the other, each with a time-out."""
import json
import os

import httpx

client = httpx.Client(
    base_url=os.environ["OPENAI_BASE_URL"],
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    timeout=3,
)
for line in open(os.environ["DEADHEAT_JOBS"]):
    job = json.loads(line)
    try:
        reply = client.post("/chat/completions", json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]})
        reply.raise_for_status()
        print(job["job"], "ok", len(reply.json()["choices"]))
    except (httpx.HTTPError, KeyError, ValueError) as error:
        print(job["job"], "failed:", error)
