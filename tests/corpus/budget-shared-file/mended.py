"""One of several workers that share a budget of tokens, which is kept in a file under a lock."""
import fcntl
import json
import os

import requests

BUDGET, WORST, FILE = 200, 70, "spent.json"


def add(tokens):
    """Adds to what is spent, if the budget allows it."""
    with open(FILE, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        total = json.loads(file.read() or '{"tokens": 0}')["tokens"] + tokens
        if total > BUDGET:
            return False
        file.truncate(0)
        json.dump({"tokens": total}, file)
        return True


def ask(job):
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}], "max_tokens": 50}
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    reply = requests.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body, headers=headers, timeout=20)
    reply.raise_for_status()
    return reply.json()["usage"]["total_tokens"]


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
for job in jobs[int(os.environ["DEADHEAT_PROCESS"])::3]:
    if not add(WORST):
        print("no money left for", job["job"])
        continue
    try:
        add(ask(job) - WORST)
    except (requests.RequestException, KeyError) as error:
        print(job["job"], "failed:", error)
