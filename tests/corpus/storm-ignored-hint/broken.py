"""Exponential back-off on every status that may pass."""
import json
import os
import sys
import time

import requests


def ask(prompt):
    for attempt in range(4):
        reply = requests.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            json={"model": "gpt-4.1", "messages": [{"role": "user", "content": prompt}]},
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
            timeout=20,
        )
        if reply.status_code not in (429, 500, 503):
            break
        if "insufficient_quota" in reply.text:
            break
        wait = 0.1 * 2**attempt
        time.sleep(wait)
    reply.raise_for_status()
    return reply.json()["choices"][0]["message"]["content"]


code = 0
for line in open(os.environ["DEADHEAT_JOBS"]):
    try:
        ask(json.loads(line)["prompt"])
    except (requests.RequestException, KeyError) as error:
        print("failed:", error)
        code = 1
sys.exit(code)
