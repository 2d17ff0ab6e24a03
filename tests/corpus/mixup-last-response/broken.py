"""A chat service: every user's message goes through one bot object."""
import asyncio
import json
import os
import sys

import aiohttp


class Bot:
    def __init__(self, session):
        self.session = session
        self.response = None

    async def say(self, text):
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]}
        async with self.session.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body) as reply:
            reply.raise_for_status()
            self.response = await reply.json()
        await self.remember(text)
        return self.response["choices"][0]["message"]["content"], self.response["id"]

    async def remember(self, text):
        await asyncio.to_thread(os.stat, "/")  # stands for a write to a database


def claim(**what):
    sys.stdout.write("@claim " + json.dumps(what) + "\n")


async def user(bot, job):
    try:
        text, number = await bot.say(job["prompt"])
        claim(job=job["job"], id=number, ok=True, text=text)
    except (aiohttp.ClientError, asyncio.TimeoutError, KeyError, ValueError) as error:
        claim(job=job["job"], ok=False, error=repr(error))


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as session:
        bot = Bot(session)
        await asyncio.gather(*(user(bot, job) for job in jobs))


asyncio.run(main())
