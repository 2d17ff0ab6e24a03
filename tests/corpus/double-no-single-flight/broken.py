"""Questions of a help desk; most are asked again and again, so answers are cached."""
import asyncio
import os
import sys

import httpx

QUESTIONS = ["How do I return a parcel?", "Where is my invoice?", "How do I return a parcel?", "What does express cost?",
             "Where is my invoice?", "How do I return a parcel?"]
cache = {}


async def ask(client, question):
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": question}]}
    reply = await client.post("/chat/completions", json=body)
    reply.raise_for_status()
    return reply.json()["choices"][0]["message"]["content"]


async def answer(client, question):
    if question not in cache:
        cache[question] = await ask(client, question)
    return cache[question]


async def user(client, questions):
    failures = 0
    for question in questions:
        try:
            await answer(client, question)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            print("no answer to", question, repr(error))
            failures += 1
    return failures


async def main():
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with httpx.AsyncClient(base_url=os.environ["OPENAI_BASE_URL"], headers=headers, timeout=20) as client:
        failures = await asyncio.gather(user(client, QUESTIONS[:3]), user(client, QUESTIONS[3:]))
    sys.exit(sum(failures) > 0)


asyncio.run(main())
