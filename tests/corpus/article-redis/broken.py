"""The third of the article's three: a lock in Redis for workers on several machines."""
import json
import os
import threading
import time
import uuid

import openai
import redis

client = openai.OpenAI(max_retries=0, timeout=60)
store = redis.Redis.from_url(os.environ["REDIS_URL"])
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"


class Lock:
    def __init__(self, key, lease):
        self.key, self.lease, self.token = f"lock:{key}", lease, str(uuid.uuid4())

    def __enter__(self):
        while not store.set(self.key, self.token, nx=True, ex=self.lease):
            time.sleep(0.01)

    def __exit__(self, *_):
        store.eval(RELEASE, 1, self.key, self.token)


def call(request, messages):
    with Lock(request, 30):
        if store.incr(f"counter:{request}") > 1:
            time.sleep(0.1)  # another worker is on it: let it finish
    answer = client.chat.completions.create(model="gpt-4.1", messages=messages)
    store.setex(f"result:{request}", 3600, answer.choices[0].message.content)
    return answer.choices[0].message.content


def worker(job):
    try:
        text = call(job["job"], [{"role": "user", "content": job["prompt"]}])
        print(f"{len(text)} characters\n", end="")
    except Exception as error:
        print(f"{job['job']} failed: {error}\n", end="")


job = json.loads(open(os.environ["DEADHEAT_JOBS"]).readline())
threads = [threading.Thread(target=worker, args=(job,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
