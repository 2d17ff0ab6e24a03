// Evaluates a test set and prints the table at the end.
const fs = require("node:fs");

async function evaluate(job) {
  const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
    body: JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: job.prompt }] }),
  });
  const answer = await response.json();
  return { job: job.job, text: answer.choices[0].message.content };
}

const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
Promise.allSettled(jobs.map(evaluate)).then((rows) =>
  rows.forEach((row, n) => {
    if (row.status === "fulfilled") return console.log(row.value.job, row.value.text);
    console.error(jobs[n].job, "failed:", row.reason.message);
    process.exitCode = 1;
  }),
);
