"""Extracts order numbers; a request that fails is repeated, up to three times."""
import json
import os
import threading
import time

import requests


def post(body):
    for attempt in range(3):
        try:
            reply = requests.post(
                os.environ["OPENAI_BASE_URL"] + "/chat/completions",
                json=body,
                headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
                timeout=1.2,
            )
        except requests.RequestException:
            time.sleep(0.1 * 2**attempt)
            continue
        reply.raise_for_status()
        return reply.json()
    raise RuntimeError("three times without an answer")


def extract(job):
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}], "temperature": 0}
    try:
        post(body)["choices"][0]["message"]["content"]
    except Exception as error:
        print(job["job"], "gave up:", error)


threads = [threading.Thread(target=extract, args=(json.loads(line),)) for line in open(os.environ["DEADHEAT_JOBS"])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
