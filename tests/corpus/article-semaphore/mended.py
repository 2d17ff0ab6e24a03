"""The first of the article's three, mended: no permit is held while waiting, and an end is an end."""
import asyncio
import json
import os
import random
import sys

import openai


class Client:
    def __init__(self, permits):
        self.openai = openai.AsyncOpenAI(max_retries=0, timeout=60)
        self.permits = asyncio.Semaphore(permits)
        self.requests = 0

    async def chat(self, messages, attempts=3):
        for attempt in range(attempts):
            async with self.permits:
                self.requests += 1
                number = self.requests
                try:
                    answer = await self.openai.chat.completions.create(model="gpt-4.1", messages=messages, temperature=0.7)
                    return {"number": number, "choices": answer.choices or []}
                except openai.RateLimitError as error:
                    last = error
                except Exception as error:
                    return {"number": number, "error": str(error)}
            if last.code == "insufficient_quota":
                break
            headers = last.response.headers
            hint = float(headers.get("retry-after", 0)) or float(headers.get("retry-after-ms", 0)) / 1000
            await asyncio.sleep(hint + random.uniform(0, 0.5))
        return {"number": number, "error": str(last)}


async def main():
    tasks = [json.loads(line)["prompt"] for line in open(os.environ["DEADHEAT_JOBS"])]
    client = Client(permits=4)
    results = await asyncio.gather(*(client.chat([{"role": "user", "content": task}]) for task in tasks))
    good = sum(bool(result.get("choices")) for result in results)
    print(f"good: {good}/{len(results)}, requests: {client.requests}")
    sys.exit(good < len(results))


asyncio.run(main())
