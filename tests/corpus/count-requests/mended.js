// Tags support tickets; the report says how many requests the run has made.
const fs = require("node:fs");
const OpenAI = require("openai");

const client = new OpenAI({ maxRetries: 0, timeout: 30_000 });
const stats = { requests: 0, tokens: 0 };

async function tag(job) {
  const answer = await client.chat.completions.create({
    model: "gpt-4.1-nano",
    messages: [{ role: "user", content: job.prompt }],
  });
  stats.requests += 1;
  stats.tokens += answer.usage.total_tokens;
}

async function main() {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map(JSON.parse);
  let next = 0;
  const worker = async () => {
    while (next < jobs.length) {
      const job = jobs[next++];
      await tag(job).catch((error) => {
        console.error(`${job.job} not tagged: ${error.message}`);
        process.exitCode = 1;
      });
    }
  };
  await Promise.all([worker(), worker()]);
  console.log(`${stats.requests} requests, ${stats.tokens} tokens`);
}

main();
