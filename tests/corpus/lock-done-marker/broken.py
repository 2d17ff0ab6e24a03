"""Two machines run the same nightly job; a machine that finds a message done leaves it alone."""
import json
import os
import pathlib

import requests

done = pathlib.Path("done")
done.mkdir(exist_ok=True)


def ask(job):
    reply = requests.post(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]},
        headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
        timeout=20,
    )
    reply.raise_for_status()
    return reply.json()["choices"][0]["message"]["content"]


for line in open(os.environ["DEADHEAT_JOBS"]):
    job = json.loads(line)
    marker = done / job["job"].replace(":", "-")
    if marker.exists():
        continue
    try:
        marker.write_text(ask(job))
    except (requests.RequestException, KeyError) as error:
        print(job["job"], "failed:", error)
