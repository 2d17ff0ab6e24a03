"""Four requests a day are free; the fifth waits until tomorrow."""
import json
import os
import threading

import requests

FREE = 4
used = 0
changing = threading.Lock()


def ask(job):
    global used
    with changing:
        if used >= FREE:
            print(job["job"], "over today's quota")
            return
    reply = requests.post(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]},
        headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
        timeout=20,
    )
    if reply.status_code == 200:
        with changing:
            used += 1
    print(job["job"], "->", reply.status_code)


def careful(job):
    try:
        ask(job)
    except requests.RequestException as error:
        print(job["job"], "->", error)


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
threads = [threading.Thread(target=careful, args=(job,)) for job in jobs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
