"""Summarises customer messages, all at once, and says how many tokens that took."""
import asyncio
import json
import os
import sys

from openai import AsyncOpenAI

client = AsyncOpenAI(max_retries=0, timeout=30)
total_tokens = 0


async def summarise(job):
    global total_tokens
    answer = await client.chat.completions.create(
        model="gpt-4.1-mini",
        messages=[{"role": "user", "content": job["prompt"]}],
    )
    total_tokens += answer.usage.total_tokens
    return answer.choices[0].message.content


async def main():
    with open(os.environ["DEADHEAT_JOBS"]) as lines:
        jobs = [json.loads(line) for line in lines]
    limit = asyncio.Semaphore(3)

    async def one(job):
        async with limit:
            return await summarise(job)

    results = await asyncio.gather(*map(one, jobs), return_exceptions=True)
    failed = [job["job"] for job, result in zip(jobs, results) if isinstance(result, Exception)]
    print(f"{len(jobs) - len(failed)} summaries, total tokens: {total_tokens}")
    if failed:
        sys.exit("failed: " + " ".join(failed))


asyncio.run(main())
