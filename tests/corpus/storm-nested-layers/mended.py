"""Retries on the outside, as the provider is shaky; the SDK's own are off."""
import asyncio
import json
import os
import sys
import uuid

import openai

client = openai.AsyncOpenAI(timeout=20, max_retries=0)


async def ask(job):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    for attempt in range(3):
        try:
            answer = await client.chat.completions.create(
                model="gpt-4.1", messages=[{"role": "user", "content": job["prompt"]}], extra_headers=key
            )
            return answer.choices[0].message.content
        except (openai.InternalServerError, openai.APIConnectionError):
            if attempt == 2:
                raise
            await asyncio.sleep(0.1)


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    done = await asyncio.gather(*map(ask, jobs), return_exceptions=True)
    failed = [job["job"] for job, result in zip(jobs, done) if isinstance(result, Exception)]
    if failed:
        sys.exit(f"failed: {failed}")


asyncio.run(main())
