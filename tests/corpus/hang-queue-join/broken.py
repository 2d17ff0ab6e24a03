"""The textbook's queue with worker threads."""
import json
import os
import queue
import threading

import requests

todo = queue.Queue()


def worker():
    while True:
        job = todo.get()
        reply = requests.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            json={"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": job["prompt"]}]},
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
            timeout=20,
        )
        reply.raise_for_status()
        print(job["job"], len(reply.json()["choices"][0]["message"]["content"]), "characters")
        todo.task_done()


for line in open(os.environ["DEADHEAT_JOBS"]):
    todo.put(json.loads(line))
for _ in range(3):
    threading.Thread(target=worker, daemon=True).start()
todo.join()
print("all done")
