"""A nightly batch with a checkpoint, so that it can be started again."""
import json
import os
import sys
import time

import requests

CHECKPOINT = "done.json"
jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
done = json.load(open(CHECKPOINT)) if os.path.exists(CHECKPOINT) else {}
failed = []
for job in jobs:
    if job["job"] in done:
        continue
    try:
        reply = requests.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]},
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
            timeout=20,
        )
        reply.raise_for_status()
        done[job["job"]] = reply.json()["choices"][0]["message"]["content"]
    except (requests.RequestException, KeyError) as error:
        failed.append(job["job"])
    with open(CHECKPOINT + ".new", "w") as file:
        json.dump(done, file)
    os.replace(CHECKPOINT + ".new", CHECKPOINT)
    time.sleep(0.2)  # be gentle

print(len(done), "done; failed:", failed)
sys.exit(len(failed) > 0)
