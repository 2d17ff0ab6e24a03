"""Streams answers to the screen and adds up the last usage that each of them carries."""
import json
import os
import sys

from openai import OpenAI

client = OpenAI(max_retries=0, timeout=30)
prompt_tokens = completion_tokens = 0
failed = 0


def stream(job):
    global prompt_tokens, completion_tokens
    chunks = client.chat.completions.create(
        model="gpt-4.1",
        messages=[{"role": "user", "content": job["prompt"]}],
        stream=True,
        stream_options={"include_usage": True},
    )
    usage = None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            sys.stderr.write(choice.delta.content or "")
    prompt_tokens += usage.prompt_tokens
    completion_tokens += usage.completion_tokens


for line in open(os.environ["DEADHEAT_JOBS"]):
    try:
        stream(json.loads(line))
    except Exception as error:
        failed += 1
        print("failed:", error, file=sys.stderr)
print("@claim " + json.dumps({"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "failed": failed}))
sys.exit(failed > 0)
