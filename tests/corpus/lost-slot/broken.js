// A little concurrency limiter, as many have written one.
const fs = require("node:fs");
const OpenAI = require("openai");

const client = new OpenAI({ maxRetries: 0, timeout: 20_000 });
const waiting = [];
let active = 0;

async function limited(work) {
  if (active >= 2) await new Promise((resolve) => waiting.push(resolve));
  active++;
  const result = await work();
  active--;
  waiting.shift()?.();
  return result;
}

async function classify(job) {
  try {
    const answer = await limited(() =>
      client.chat.completions.create({ model: "gpt-4.1-nano", messages: [{ role: "user", content: job.prompt }] }),
    );
    console.log(job.job, answer.choices[0].message.content);
  } catch (error) {
    console.log(job.job, "failed:", error.message);
  }
}

const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
Promise.all(jobs.map(classify)).then(() => console.log("all done"));
