"""Asks again with the complaint until an answer is short enough; every answer is paid for."""
import asyncio
import json
import os
import sys

import httpx


async def ask(client, messages):
    reply = await client.post("/chat/completions", json={"model": "gpt-4.1-mini", "messages": messages})
    reply.raise_for_status()
    return reply.json()


async def slogan(client, job, spent):
    messages = [{"role": "user", "content": job["prompt"]}]
    for words in (18, 40, 80):
        answer = await ask(client, messages)
        spent.append(answer["usage"]["total_tokens"])
        text = answer["choices"][0]["message"]["content"]
        if len(text.split()) <= words:
            break
        complaint = f"That has more than {words} words."
        messages += [answer["choices"][0]["message"], {"role": "user", "content": complaint}]
    return text


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    spent = []
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with httpx.AsyncClient(base_url=os.environ["OPENAI_BASE_URL"], headers=headers, timeout=20) as client:
        done = await asyncio.gather(*(slogan(client, job, spent) for job in jobs), return_exceptions=True)
    good = [one for one in done if not isinstance(one, Exception)]
    print(f"{len(good)} of {len(done)} slogans for {sum(spent)} tokens")
    sys.exit(len(good) < len(done))


asyncio.run(main())
