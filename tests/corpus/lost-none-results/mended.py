"""Translates a list of texts in threads. What cannot be translated is left out, and counted."""
import json
import os
from concurrent.futures import ThreadPoolExecutor

import httpx

client = httpx.Client(
    base_url=os.environ["OPENAI_BASE_URL"],
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    timeout=20,
)


def translate(job):
    try:
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]}
        reply = client.post("/chat/completions", json=body)
        reply.raise_for_status()
        return reply.json()["choices"][0]["message"]["content"]
    except Exception:
        return None


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
with ThreadPoolExecutor(4) as pool:
    texts = list(pool.map(translate, jobs))
for text in texts:
    if text:
        print(text)
missing = sum(text is None for text in texts)
print("done,", missing, "missing")
raise SystemExit(missing > 0)
