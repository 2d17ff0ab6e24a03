// Works through the backlog, four at a time, as long as there is money left.
const fs = require("node:fs");

const BUDGET = 80; // tokens a day
const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
let spent = 0;

async function ask(job) {
  const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
    body: JSON.stringify({ model: "gpt-4.1-mini", messages: [{ role: "user", content: job.prompt }], max_tokens: 50 }),
  });
  const answer = await response.json();
  if (!answer.usage) throw new Error(answer.error?.message ?? `HTTP ${response.status}`);
  return answer.usage.total_tokens;
}

(async () => {
  for (let at = 0; at < jobs.length && spent < BUDGET; at += 4) {
    const batch = jobs.slice(at, at + 4);
    const done = await Promise.allSettled(batch.map(ask));
    done.forEach((one, n) => {
      if (one.status === "fulfilled") spent += one.value;
      else console.log(batch[n].job, "failed:", one.reason.message);
    });
  }
  console.log(spent >= BUDGET ? "budget reached" : "all done");
})();
