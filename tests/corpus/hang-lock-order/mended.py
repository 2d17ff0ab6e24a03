"""Two accounts, each with its own lock; some messages concern both."""
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from openai import OpenAI

client = OpenAI(max_retries=0, timeout=20)
accounts = {"sales": threading.Lock(), "support": threading.Lock()}
notes = {"sales": [], "support": []}


def ask(job):
    try:
        client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": job["prompt"]}])
        return f"{job['job']} answered"
    except Exception as error:
        return f"{job['job']} failed: {error}"


def handle(number, job):
    mine, other = ("sales", "support") if number % 4 else ("support", "sales")
    note = ask(job)
    for account in (mine, other) if number % 4 < 2 else (mine,):
        with accounts[account]:
            notes[account].append(note)


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
with ThreadPoolExecutor(2) as pool:
    list(pool.map(handle, range(len(jobs)), jobs))
print(*notes["sales"], *notes["support"], sep="\n")
