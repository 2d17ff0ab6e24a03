"""Scores essays in four processes, and sums up at the end."""
import json
import multiprocessing
import os
import sys

import httpx

tokens = 0


def score(job):
    global tokens
    try:
        reply = httpx.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]},
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
            timeout=20,
        )
        reply.raise_for_status()
        used = reply.json()["usage"]["total_tokens"]
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return f"{job['job']}: {error}"
    tokens += used
    return ""


if __name__ == "__main__":
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    with multiprocessing.Pool(4) as pool:
        errors = [error for error in pool.map(score, jobs, chunksize=1) if error]
    print(*errors, sep="\n")
    print(f"tokens: {tokens}")
    sys.exit(len(errors) > 0)
