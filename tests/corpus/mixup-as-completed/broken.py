"""Labels reviews concurrently and prints each review's answer beside it."""
import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(max_retries=0, timeout=30)


async def label(job):
    try:
        answer = await client.chat.completions.create(
            model="gpt-4.1-nano", messages=[{"role": "user", "content": job["prompt"]}]
        )
        return answer.choices[0].message.content
    except Exception as error:
        return f"failed: {error}"


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    tasks = [asyncio.create_task(label(job)) for job in jobs]
    labels = []
    for done in asyncio.as_completed(tasks):
        labels.append(await done)
        print(f"{len(labels)}/{len(tasks)}", end="\r", flush=True)
    print()
    for job, text in zip(jobs, labels):
        print(f"{job['job']}: {text}")


asyncio.run(main())
