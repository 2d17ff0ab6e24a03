"""A crew of agents shares one client; each task's tokens are those of its own answer."""
import asyncio
import json
import os
import sys

import aiohttp


class Client:
    def __init__(self, session):
        self.session, self.tokens = session, 0

    async def ask(self, prompt):
        body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": prompt}]}
        async with self.session.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body) as reply:
            reply.raise_for_status()
            answer = await reply.json()
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        self.tokens += answer["usage"]["total_tokens"]
        return answer


async def task(client, job, spent):
    answer = await client.ask(job["prompt"])
    spent[job["job"]] = answer["usage"]["total_tokens"]


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    spent = {}
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with aiohttp.ClientSession(headers=headers) as session:
        client = Client(session)
        done = await asyncio.gather(*(task(client, job, spent) for job in jobs), return_exceptions=True)
    for job, error in zip(jobs, done):
        if error is not None:
            print(job["job"], "failed:", repr(error))
    print("@claim " + json.dumps({"total_tokens": sum(spent.values())}))
    sys.exit(any(done))


asyncio.run(main())
