// Answers all questions of a form and writes question and answer side by side.
const fs = require("node:fs");

const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const answers = [];

async function ask(job) {
  const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
    body: JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: job.prompt }] }),
  });
  const body = await response.json();
  return body.choices ? body.choices[0].message.content : `no answer (${response.status})`;
}

(async () => {
  await Promise.all(
    jobs.map(async (job) => {
      const answer = await ask(job).catch((error) => `no answer (${error.message})`);
      answers.push(answer);
    }),
  );
  jobs.forEach((job, n) => console.log(`${job.job} | ${answers[n]}`));
})();
