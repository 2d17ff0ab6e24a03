"""Runs the batch in a process of its own, so that a deadline can be kept."""
import json
import os
import subprocess
import sys


def batch():
    import requests

    code = 0
    for line in open(os.environ["DEADHEAT_JOBS"]):
        job = json.loads(line)
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]}
        headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
        try:
            reply = requests.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body, headers=headers, timeout=9)
            reply.raise_for_status()
            reply.json()["choices"]
        except (requests.RequestException, KeyError):
            code = 1
    return code


def main():
    worker = subprocess.Popen([sys.executable, __file__, "batch"], stdout=subprocess.DEVNULL)
    try:
        return worker.wait(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        print("not ready in time, giving up")
        return 1


DEADLINE = 3
sys.exit(batch() if sys.argv[1:] == ["batch"] else main())
