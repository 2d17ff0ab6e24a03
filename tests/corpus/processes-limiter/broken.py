"""At most three requests at a time, says the contract. This runs in several processes."""
import asyncio
import json
import os

import httpx

limit = asyncio.Semaphore(3)


async def ask(client, job):
    async with limit:
        reply = await client.post(
            "/chat/completions", json={"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]}
        )
    reply.raise_for_status()
    return reply.json()["choices"][0]["message"]["content"]


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    mine = jobs[int(os.environ["DEADHEAT_PROCESS"])::2]
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with httpx.AsyncClient(base_url=os.environ["OPENAI_BASE_URL"], headers=headers, timeout=20) as client:
        done = await asyncio.gather(*(ask(client, job) for job in mine), return_exceptions=True)
    for job, result in zip(mine, done):
        if isinstance(result, Exception):
            print(job["job"], "failed:", repr(result))


asyncio.run(main())
