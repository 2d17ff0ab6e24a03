"""Writes product texts, two at a time, each to the screen as soon as it is there."""
import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(max_retries=0, timeout=30)
slots = asyncio.Semaphore(2)


async def write(job):
    async with slots:
        answer = await client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": job["prompt"]}]
        )
        print(f"{job['job']}: {answer.choices[0].message.content}", flush=True)


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    done = await asyncio.gather(*(write(job) for job in jobs), return_exceptions=True)
    for job, error in zip(jobs, done):
        if error:
            print(f"{job['job']} failed: {error}")


asyncio.run(main())
