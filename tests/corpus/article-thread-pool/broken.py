"""The second of the article's three: a thread pool with three locks."""
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

from openai import OpenAI


class Processor:
    def __init__(self, workers):
        self.client, self.workers = OpenAI(max_retries=0, timeout=60), workers
        self.counter, self.counting = 0, threading.Lock()
        self.tokens, self.adding = 0, threading.Lock()
        self.results, self.saving = {}, threading.Lock()

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
        results = []
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            futures = {pool.submit(self.call, messages): messages for messages in all_messages}
            for future in as_completed(futures):
                number, text = future.result()
                with self.saving:
                    self.results[number] = text
                results.append(text)
        return results


jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
processor = Processor(workers=8)
texts = processor.batch([[{"role": "user", "content": job["prompt"]}] for job in jobs])
for job, text in zip(jobs, texts):
    print(f"{job['job']}: {text}")
print("requests:", processor.counter, "tokens:", processor.tokens)
