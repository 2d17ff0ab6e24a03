"""Several workers keep one file with the usage of the day, which is what the invoice is checked against."""
import fcntl
import json
import os

import requests

FILE = os.path.join(os.environ["DEADHEAT_CLAIMS"], "usage.jsonl")


def ask(job):
    reply = requests.post(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]},
        headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
        timeout=20,
    )
    reply.raise_for_status()
    return reply.json()["usage"]["total_tokens"]


def add(tokens):
    with open(FILE, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        usage = json.loads(file.read() or '{"total_tokens": 0}')
        usage["total_tokens"] += tokens
        file.truncate(0)
        json.dump(usage, file)


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
for job in jobs[int(os.environ["DEADHEAT_PROCESS"])::2]:
    try:
        tokens = ask(job)
    except (requests.RequestException, KeyError) as error:
        print(job["job"], "failed:", error)
        continue
    add(tokens)
