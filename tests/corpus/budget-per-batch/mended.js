// Works through the backlog, four at a time, as long as there is money left for each.
const fs = require("node:fs");

const BUDGET = 80; // tokens a day
const WORST = 70; // of one answer: max_tokens, and a prompt
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

async function worker(queue) {
  while (queue.length > 0 && spent + WORST <= BUDGET) {
    const job = queue.shift();
    spent += WORST;
    try {
      const used = await ask(job);
      spent += used - WORST;
    } catch (error) {
      // Whether it was billed is not known.
      console.log(job.job, "failed:", error.message);
    }
  }
}

(async () => {
  const queue = [...jobs];
  await Promise.all([1, 2, 3, 4].map(() => worker(queue)));
  console.log(queue.length > 0 ? "budget reached" : "all done");
})();
