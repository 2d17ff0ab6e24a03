"""Back-off that doubles, with full jitter. All workers start at the same moment, and are refused at the same moment."""
import asyncio
import json
import os
import random
import sys

import aiohttp


async def ask(session, job):
    wait = 0.8
    for attempt in range(3):
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": job["prompt"]}]}
        async with session.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body) as reply:
            answer = await reply.json()
            if reply.status == 200:
                return answer["choices"][0]["message"]["content"]
            code = answer["error"].get("code")
            hint = float(reply.headers.get("retry-after-ms", 1000 * float(reply.headers.get("retry-after", 0))))
        if reply.status not in (429, 500, 503) or code == "insufficient_quota":
            break
        await asyncio.sleep(max(random.uniform(0, wait), hint / 1000))
        wait *= 2
    raise RuntimeError(f"{job['job']}: HTTP {reply.status}")


async def main():
    jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session:
        done = await asyncio.gather(*(ask(session, job) for job in jobs), return_exceptions=True)
    failures = [repr(one) for one in done if isinstance(one, Exception)]
    print(*failures, sep="\n")
    sys.exit(len(failures) > 0)


asyncio.run(main())
