"""A worker of a job queue in SQLite. A job that is taken is leased; a worker that dies loses its lease."""
import json
import os
import sqlite3
import sys
import time

import requests

LEASE = 1.0
db = sqlite3.connect("queue.db", timeout=10, isolation_level=None)
db.execute("create table if not exists jobs (job text primary key, prompt text, leased_until real, state text)")
for line in open(os.environ["DEADHEAT_JOBS"]):
    job = json.loads(line)
    db.execute("insert or ignore into jobs values (?, ?, 0, 'open')", (job["job"], job["prompt"]))


def take():
    now = time.time()
    return db.execute(
        "update jobs set leased_until = ? where job ="
        " (select job from jobs where state = 'open' and leased_until < ? order by job limit 1) returning job, prompt",
        (now + LEASE, now),
    ).fetchone()


def ask(prompt):
    reply = requests.post(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json={"model": "gpt-4.1", "messages": [{"role": "user", "content": prompt}]},
        headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
        timeout=20,
    )
    reply.raise_for_status()
    return reply.json()["choices"][0]["message"]["content"]


while db.execute("select 1 from jobs where state = 'open'").fetchone():
    taken = take()
    if not taken:
        time.sleep(0.1)
        continue
    job, prompt = taken
    try:
        ask(prompt)
        state = "done"
    except Exception as error:
        print(job, "failed:", error, file=sys.stderr)
        state = "failed"
    db.execute("update jobs set state = ? where job = ?", (state, job))
