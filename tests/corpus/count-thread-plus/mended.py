"""Classifies messages in a thread pool; every worker adds to one total."""
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
HEADERS = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
total = 0
counting = threading.Lock()
failed = []


def count(answer):
    global total
    usage = answer["usage"]
    for part in (usage["prompt_tokens"], usage["completion_tokens"]):
        with counting:
            total += part


def classify(job):
    body = {"model": "gpt-4.1-nano", "messages": [{"role": "user", "content": job["prompt"]}]}
    try:
        reply = requests.post(URL, json=body, headers=HEADERS, timeout=20)
        reply.raise_for_status()
        answer = reply.json()
        answer["choices"][0]["message"]["content"]
        count(answer)
    except (requests.RequestException, KeyError) as error:
        failed.append(f"{job['job']}: {error}")


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
with ThreadPoolExecutor(8) as pool:
    list(pool.map(classify, jobs))
print("tokens used:", total)
if failed:
    print("\n".join(failed))
    sys.exit(1)
