// Drafts replies. Slow answers are given up, as the page has to be shown.
const fs = require("node:fs");
const OpenAI = require("openai");

const client = new OpenAI({ timeout: 1_500 });

async function draft(job) {
  const answer = await client.chat.completions.create({
    model: "gpt-4.1-mini",
    messages: [{ role: "user", content: job.prompt }],
  });
  return answer.choices[0].message.content;
}

(async () => {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const done = await Promise.allSettled(jobs.map(draft));
  done.forEach((one, n) => one.reason && console.log(jobs[n].job, "no draft:", one.reason.message));
})();
