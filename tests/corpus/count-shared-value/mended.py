"""Scores messages in a pool of processes; a shared value holds the tokens so far, to show them while it runs."""
import json
import multiprocessing
import os
import sys

import requests

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"


def init(value):
    global total
    total = value


def score(job):
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]}
    try:
        reply = requests.post(URL, json=body, timeout=20,
                              headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
        reply.raise_for_status()
        used = reply.json()["usage"]["total_tokens"]
    except (requests.RequestException, KeyError) as error:
        return f"{job['job']} failed: {error}"
    with total.get_lock():
        total.value += used
    return None


if __name__ == "__main__":
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    shared = multiprocessing.Value("q", 0)
    with multiprocessing.Pool(3, init, (shared,)) as pool:
        errors = [error for error in pool.map(score, jobs, chunksize=1) if error]
    print(*errors, sep="\n")
    print("total:", shared.value, "tokens")
    sys.exit(bool(errors))
