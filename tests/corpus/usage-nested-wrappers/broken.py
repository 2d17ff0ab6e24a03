"""A convenience layer on a client layer. Both were written to keep the books."""
import json
import os
import sys

import requests

books = {"tokens": 0}


class Chat:
    def chat(self, messages):
        reply = requests.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            json={"model": "gpt-4.1", "messages": messages},
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
            timeout=20,
        )
        reply.raise_for_status()
        answer = reply.json()
        books["tokens"] += answer["usage"]["total_tokens"]
        return answer


class Complete(Chat):
    def complete(self, prompt):
        answer = self.chat([{"role": "user", "content": prompt}])
        books["tokens"] += answer["usage"]["total_tokens"]
        return answer["choices"][0]["message"]["content"]


llm, code = Complete(), 0
for line in open(os.environ["DEADHEAT_JOBS"]):
    try:
        llm.complete(json.loads(line)["prompt"])
    except (requests.RequestException, KeyError) as error:
        print("skipped:", error)
        code = 1
print("tokens on the books:", books["tokens"])
sys.exit(code)
