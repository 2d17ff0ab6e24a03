// Retries what failed for a while; a rate limit is a failure like any other.
const fs = require("node:fs");

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function ask(job) {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
      body: JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: job.prompt }] }),
    });
    const answer = await response.json();
    if (answer.choices) return answer.choices[0].message.content;
    const passing = response.status === 429 || response.status >= 500;
    if (attempt === 3 || !passing || answer.error.code === "insufficient_quota") throw new Error(`HTTP ${response.status}`);
    await sleep(150 * attempt);
  }
}

(async () => {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const queue = [...jobs];
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      await ask(job).catch((error) => console.log(`${job.job}: ${error.message}`));
    }
  };
  await Promise.all([worker(), worker(), worker()]);
})();
