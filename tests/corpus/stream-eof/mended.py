"""Reads a stream of events to its end and prints the text."""
import json
import os

import httpx

client = httpx.Client(
    base_url=os.environ["OPENAI_BASE_URL"],
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    timeout=20,
)


def stream(job):
    text, finished = "", False
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}], "stream": True}
    with client.stream("POST", "/chat/completions", json=body) as reply:
        reply.raise_for_status()
        for line in reply.iter_lines():
            finished = finished or line == "data: [DONE]"
            if line.startswith("data: {"):
                event = json.loads(line[6:])
                if "error" in event:
                    raise ValueError(event["error"]["message"])
                for choice in event["choices"]:
                    text += choice["delta"].get("content") or ""
    if not finished:
        raise ValueError("the stream ended in the middle")
    return text


for line in open(os.environ["DEADHEAT_JOBS"]):
    job = json.loads(line)
    try:
        print(f"{job['job']}: {stream(job)}")
    except (httpx.HTTPError, ValueError) as error:
        print(job["job"], "failed:", error)
