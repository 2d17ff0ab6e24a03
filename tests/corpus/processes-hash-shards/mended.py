"""Each of three workers takes the messages whose hash is its own."""
import json
import os
import zlib

import requests

WORKERS = 3


def mine(job):
    return zlib.crc32(job["job"].encode()) % WORKERS == int(os.environ["DEADHEAT_PROCESS"])


for line in open(os.environ["DEADHEAT_JOBS"]):
    job = json.loads(line)
    if not mine(job):
        continue
    try:
        reply = requests.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]},
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
            timeout=20,
        )
        reply.raise_for_status()
        reply.json()["choices"]
    except (requests.RequestException, KeyError) as error:
        print(job["job"], "failed:", error)
