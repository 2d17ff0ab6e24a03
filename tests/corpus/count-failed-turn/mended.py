"""Two turns per message, a draft and a polish; each is on the books at once."""
import asyncio
import json
import os
import sys

import httpx

total = 0


async def chat(client, messages):
    reply = await client.post("/chat/completions", json={"model": "gpt-4.1", "messages": messages})
    reply.raise_for_status()
    answer = reply.json()
    return answer["choices"][0]["message"], answer["usage"]["total_tokens"]


async def write(client, job):
    global total
    messages = [{"role": "user", "content": job["prompt"]}]
    draft, used = await chat(client, messages)
    total += used
    messages += [draft, {"role": "user", "content": "Now make it friendlier."}]
    final, used = await chat(client, messages)
    total += used
    return final["content"]


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with httpx.AsyncClient(base_url=os.environ["OPENAI_BASE_URL"], headers=headers, timeout=20) as client:
        letters = await asyncio.gather(*(write(client, job) for job in jobs), return_exceptions=True)
    failed = [job["job"] for job, letter in zip(jobs, letters) if isinstance(letter, Exception)]
    print("total tokens", total)
    print("not written:", failed)
    sys.exit(len(failed) > 0)


asyncio.run(main())
