// Keeps every result under the time at which it came, and writes them out in that order.
const fs = require("node:fs");

const results = {};

async function ask(job) {
  const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
    body: JSON.stringify({ model: "gpt-4.1-mini", messages: [{ role: "user", content: job.prompt }] }),
  });
  const answer = await response.json();
  if (!answer.choices) throw new Error(`HTTP ${response.status}`);
  results[new Date().toLocaleTimeString()] = { job: job.job, id: answer.id, ok: true, text: answer.choices[0].message.content };
}

(async () => {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  await Promise.all(
    jobs.map((job) =>
      ask(job).catch(() => {
        process.stdout.write(`@claim {"job": "${job.job}", "ok": false}\n`);
      }),
    ),
  );
  for (const result of Object.values(results)) process.stdout.write(`@claim ${JSON.stringify(result)}\n`);
})();
