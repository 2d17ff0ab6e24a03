"""Waits out rate limits. An empty account is none."""
import asyncio
import json
import os
import sys

import httpx


async def ask(client, job):
    for attempt in range(5):
        reply = await client.post(
            "/chat/completions", json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]}
        )
        if reply.status_code != 429 or reply.json()["error"]["code"] == "insufficient_quota":
            break
        await asyncio.sleep(max(0.2, float(reply.headers.get("retry-after", 0)), float(reply.headers.get("retry-after-ms", 0)) / 1000))
    reply.raise_for_status()
    return reply.json()["choices"][0]["message"]["content"]


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with httpx.AsyncClient(base_url=os.environ["OPENAI_BASE_URL"], headers=headers, timeout=20) as client:
        done = await asyncio.gather(*(ask(client, job) for job in jobs), return_exceptions=True)
    failed = sum(isinstance(one, Exception) for one in done)
    print(len(done) - failed, "answers,", failed, "failures")
    sys.exit(failed > 0)


asyncio.run(main())
