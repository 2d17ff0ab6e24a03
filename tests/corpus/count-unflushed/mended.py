"""Rates messages; a background thread keeps the usage statistics, so that no request waits for it."""
import json
import os
import queue
import sys
import threading

import requests

usage, stats = queue.Queue(), {"tokens": 0}


def keep_books():
    batch = []
    while not batch or batch[-1] is not None:
        try:
            batch.append(usage.get(timeout=0.15))
        except queue.Empty:
            stats["tokens"] += sum(batch)
            batch = []
    stats["tokens"] += sum(batch[:-1])


def rate(job):
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": job["prompt"]}]}
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    reply = requests.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body, headers=headers, timeout=20)
    reply.raise_for_status()
    usage.put(reply.json()["usage"]["total_tokens"])


books = threading.Thread(target=keep_books)
books.start()
failed = 0
for line in open(os.environ["DEADHEAT_JOBS"]):
    try:
        rate(json.loads(line))
    except (requests.RequestException, KeyError) as error:
        failed += 1
        print("not rated:", error)
usage.put(None)
books.join()
print(f"done, {failed} failed, {stats['tokens']} tokens")
sys.exit(failed > 0)
