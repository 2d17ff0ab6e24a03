"""One question after the other over a kept-alive connection: no HTTP library, as it has to be light."""
import asyncio
import json
import os
import urllib.parse

URL = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
pool = []


async def exchange(reader, writer, prompt):
    body = json.dumps({"model": "gpt-4.1", "messages": [{"role": "user", "content": prompt}]}).encode()
    writer.write(
        f"POST {URL.path}/chat/completions HTTP/1.1\r\nHost: {URL.netloc}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {os.environ['OPENAI_API_KEY']}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in head if line.startswith("content-length"))
    answer = json.loads(await reader.readexactly(length))
    return answer["choices"][0]["message"]["content"]


async def ask(job):
    connection = pool.pop() if pool else await asyncio.open_connection(URL.hostname, URL.port)
    try:
        text = await asyncio.wait_for(exchange(*connection, job["prompt"]), 1.5)
        print(f"{job['job']}: {text}")
        pool.append(connection)
    except asyncio.TimeoutError:
        # Its answer may still come: no other request may read it.
        connection[1].close()
        print(job["job"], "took too long")


async def main():
    for line in open(os.environ["DEADHEAT_JOBS"]):
        job = json.loads(line)
        try:
            await ask(job)
        except (OSError, EOFError, KeyError, ValueError, StopIteration, RuntimeError) as error:
            pool.clear()
            print(job["job"], "failed:", repr(error))


asyncio.run(main())
