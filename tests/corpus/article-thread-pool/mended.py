"""The second of the article's three, mended: results in the order of their messages."""
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from openai import OpenAI


class Processor:
    def __init__(self, workers):
        self.client, self.workers = OpenAI(max_retries=0, timeout=60), workers
        self.counter, self.counting = 0, threading.Lock()
        self.tokens, self.adding = 0, threading.Lock()

    def next_id(self):
        with self.counting:
            self.counter += 1
            return self.counter

    def call(self, messages):
        number = self.next_id()
        try:
            answer = self.client.chat.completions.create(model="gpt-4.1", messages=messages, temperature=0.7)
            with self.adding:
                self.tokens += answer.usage.total_tokens
            return number, answer.choices[0].message.content
        except Exception as error:
            return number, f"error: {error}"

    def batch(self, all_messages):
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            # In the order of the messages, whichever is answered first.
            return [text for _, text in pool.map(self.call, all_messages)]


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
processor = Processor(workers=8)
texts = processor.batch([[{"role": "user", "content": job["prompt"]}] for job in jobs])
for job, text in zip(jobs, texts):
    print(f"{job['job']}: {text}")
print("requests:", processor.counter, "tokens:", processor.tokens)
