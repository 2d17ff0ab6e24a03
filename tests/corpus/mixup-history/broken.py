"""Threads share a language model that keeps a history, as notebooks do."""
import json
import os
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests


class Model:
    def __init__(self):
        self.history = []
        self.log = sqlite3.connect(":memory:", check_same_thread=False)
        self.log.execute("create table calls (prompt text, at real default (julianday()))")
        self.logging = threading.Lock()

    def __call__(self, prompt):
        reply = requests.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            json={"model": "gpt-4.1", "messages": [{"role": "user", "content": prompt}]},
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
            timeout=20,
        )
        reply.raise_for_status()
        self.history.append(reply.json()["choices"][0]["message"]["content"])
        with self.logging:
            self.log.execute("insert into calls (prompt) values (?)", (prompt,))
            self.log.commit()


def work(job):
    try:
        model(job["prompt"])
        claim = {"job": job["job"], "ok": True, "text": model.history[-1]}
    except (requests.RequestException, KeyError) as error:
        claim = {"job": job["job"], "ok": False, "error": str(error)}
    sys.stdout.write("@claim " + json.dumps(claim) + "\n")


model = Model()
jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, jobs))
