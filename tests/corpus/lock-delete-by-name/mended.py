"""One request at a time, over all workers: a lock in Redis with a lease that is renewed."""
import json
import os
import threading
import time
import uuid

import httpx
import redis

LEASE_MS = 1200
IF_OURS = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call"
RENEW = IF_OURS + "('pexpire', KEYS[1], ARGV[2]) end"
RELEASE = IF_OURS + "('del', KEYS[1]) end"
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
        self.over = threading.Event()
        self.renewing = threading.Thread(target=self.renew)
        self.renewing.start()
        return self

    def renew(self):
        while not self.over.wait(LEASE_MS / 4000):
            store.eval(RENEW, 1, "lock:llm", self.token, LEASE_MS)

    def __exit__(self, *_):
        self.over.set()
        self.renewing.join()
        store.eval(RELEASE, 1, "lock:llm", self.token)


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
