"""Streams; if a stream breaks, it is begun again, and the user sees the text go on."""
import json
import os
import sys
import uuid

import httpx
import openai

client = openai.OpenAI(max_retries=0, timeout=20)


def stream(job):
    parts, number = [], None
    key = {"Idempotency-Key": str(uuid.uuid4())}
    for attempt in range(2):
        try:
            finished = False
            for chunk in client.chat.completions.create(
                model="gpt-4.1", messages=[{"role": "user", "content": job["prompt"]}], stream=True, extra_headers=key
            ):
                number = chunk.id
                for choice in chunk.choices:
                    parts.append(choice.delta.content or "")
                    finished = finished or choice.finish_reason is not None
            if finished:
                return {"job": job["job"], "id": number, "ok": True, "text": "".join(parts)}
        except (openai.APIConnectionError, httpx.TransportError) as error:
            print("again, after", repr(error), file=sys.stderr)
    return {"job": job["job"], "ok": False, "error": "broke twice"}


for line in open(os.environ["DEADHEAT_JOBS"]):
    job = json.loads(line)
    try:
        result = stream(job)
    except openai.APIError as error:
        result = {"job": job["job"], "ok": False, "error": str(error)}
    print("@claim " + json.dumps(result))
