"""Answers mail until today's token budget is spent."""
import asyncio
import json
import os

from openai import AsyncOpenAI

BUDGET = 120
WORST = 80  # a prompt and an answer of max_tokens
client = AsyncOpenAI(max_retries=0, timeout=30)
spent = 0


async def answer(job):
    global spent
    if spent + WORST > BUDGET:
        print(job["job"], "left for tomorrow")
        return
    try:
        reply = await client.chat.completions.create(
            model="gpt-4.1-mini",
            messages=[{"role": "user", "content": job["prompt"]}],
            max_tokens=60,
        )
        spent += reply.usage.total_tokens
        print(job["job"], "answered")
    except Exception as error:
        print(job["job"], "failed:", error)


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    await asyncio.gather(*map(answer, jobs))


asyncio.run(main())
