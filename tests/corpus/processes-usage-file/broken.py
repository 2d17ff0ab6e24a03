"""Several workers keep one file with the usage of the day, which is what the invoice is checked against."""
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


usage = {"total_tokens": 0}
jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
for job in jobs[int(os.environ["DEADHEAT_PROCESS"])::2]:
    if os.path.exists(FILE):
        usage = json.load(open(FILE))
    try:
        usage["total_tokens"] += ask(job)
    except (requests.RequestException, KeyError) as error:
        print(job["job"], "failed:", error)
        continue
    new = f"{FILE}.{os.getpid()}"
    with open(new, "w") as file:
        json.dump(usage, file)
    os.rename(new, FILE)
