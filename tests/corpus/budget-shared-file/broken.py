"""One of several workers that share a budget of tokens, which is kept in a file."""
import json
import os

import requests

BUDGET, WORST, FILE = 200, 70, "spent.json"


def spent():
    try:
        with open(FILE) as file:
            return json.load(file)["tokens"]
    except (FileNotFoundError, json.JSONDecodeError):
        return 0


def add(tokens):
    total = spent() + tokens
    with open(FILE, "w") as file:
        json.dump({"tokens": total}, file)


def ask(job):
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}], "max_tokens": 50}
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    reply = requests.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body, headers=headers, timeout=20)
    reply.raise_for_status()
    return reply.json()["usage"]["total_tokens"]


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
for job in jobs[int(os.environ["DEADHEAT_PROCESS"])::3]:
    if spent() + WORST > BUDGET:
        print("no money left for", job["job"])
        continue
    try:
        add(ask(job))
    except (requests.RequestException, KeyError) as error:
        add(WORST)
        print(job["job"], "failed:", error)
