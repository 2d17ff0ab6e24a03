"""The first of the article's three: asyncio and a semaphore."""
import asyncio
import json
import os

import openai


class Client:
    def __init__(self, permits):
        self.openai = openai.AsyncOpenAI(max_retries=0, timeout=60)
        self.permits = asyncio.Semaphore(permits)
        self.lock = asyncio.Lock()
        self.requests = 0

    async def chat(self, messages):
        async with self.permits:
            async with self.lock:
                self.requests += 1
                number = self.requests
            try:
                answer = await self.openai.chat.completions.create(model="gpt-4.1", messages=messages, temperature=0.7)
                return {"number": number, "choices": answer.choices}
            except openai.RateLimitError:
                await asyncio.sleep(2)
                return await self.chat(messages)
            except Exception as error:
                print(f"request {number} failed: {error}")
                return {"number": number, "error": str(error)}


async def main():
    tasks = [json.loads(line)["prompt"] for line in open(os.environ["DEADHEAT_JOBS"])]
    client = Client(permits=4)
    results = await asyncio.gather(*(client.chat([{"role": "user", "content": task}]) for task in tasks))
    good = sum("choices" in result for result in results)
    print(f"good: {good}/{len(results)}, requests: {client.requests}")


asyncio.run(main())
