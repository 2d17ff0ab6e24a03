// Translates the day's messages and prints the bill's token count.
const fs = require("node:fs");

const url = process.env.OPENAI_BASE_URL + "/chat/completions";
const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
let tokens = 0;

async function translate(job) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
    body: JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: job.prompt }] }),
  });
  if (!response.ok) throw new Error(`${job.job}: HTTP ${response.status}`);
  const answer = await response.json();
  if (!answer.choices) throw new Error(`${job.job}: ${JSON.stringify(answer.error)}`);
  return answer.usage.total_tokens;
}

async function worker(queue) {
  for (let job = queue.shift(); job; job = queue.shift()) {
    try {
      tokens += await translate(job);
    } catch (error) {
      console.error(job.job, String(error));
      process.exitCode = 1;
    }
  }
}

(async () => {
  const queue = [...jobs];
  await Promise.all([worker(queue), worker(queue), worker(queue)]);
  console.log(`tokens: ${tokens}`);
})();
