"""Two requests at a time, by a semaphore."""
import json
import os
import sys
import threading

import httpx

slots = threading.Semaphore(2)
client = httpx.Client(
    base_url=os.environ["OPENAI_BASE_URL"],
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    timeout=20,
)
failed = []


def ask(job):
    with slots:
        reply = client.post("/chat/completions", json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]})
        reply.raise_for_status()
        reply.json()["choices"]


def work(job):
    try:
        ask(job)
    except (httpx.HTTPError, KeyError, ValueError) as error:
        failed.append(f"{job['job']}: {error}")


threads = [threading.Thread(target=work, args=(json.loads(line),)) for line in open(os.environ["DEADHEAT_JOBS"])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*failed, sep="\n")
sys.exit(len(failed) > 0)
