"""One request at a time, over all workers: a lock in Redis with a lease, in case its holder dies."""
import json
import os
import time
import uuid

import httpx
import redis

LEASE_MS = 1200
store = redis.Redis.from_url(os.environ["REDIS_URL"])
client = httpx.Client(
    base_url=os.environ["OPENAI_BASE_URL"],
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    timeout=20,
)


class Lock:
    def __enter__(self):
        self.token = uuid.uuid4().hex
        while not store.set("lock:llm", self.token, nx=True, px=LEASE_MS):
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        store.delete("lock:llm")


def ask(job):
    reply = client.post("/chat/completions", json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]})
    reply.raise_for_status()
    return reply.json()["choices"][0]["message"]["content"]


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
for job in jobs[int(os.environ["DEADHEAT_PROCESS"])::3]:
    try:
        with Lock():
            ask(job)
    except (httpx.HTTPError, KeyError, ValueError) as error:
        print(job["job"], "failed:", error)
