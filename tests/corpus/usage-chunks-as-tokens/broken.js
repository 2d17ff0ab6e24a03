// Streams replies and counts what they cost: a chunk is about a token.
const fs = require("node:fs");
const OpenAI = require("openai");

const client = new OpenAI({ maxRetries: 0 });
let spent = 0;

async function reply(job) {
  const stream = await client.chat.completions.create({
    model: "gpt-4.1-mini",
    messages: [{ role: "user", content: job.prompt }],
    stream: true,
  });
  spent += Math.ceil(job.prompt.length / 4);
  let finished = false;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content) spent += 1;
    if (chunk.choices[0]?.finish_reason) finished = true;
  }
  if (!finished) throw new Error("cut short");
}

(async () => {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((l) => JSON.parse(l));
  const done = await Promise.allSettled(jobs.map(reply));
  done.forEach((one, n) => one.reason && console.log(jobs[n].job, "failed:", one.reason.message));
  console.log(`total: ${spent} tokens`);
  process.exitCode = done.some((one) => one.reason) ? 1 : 0;
})();
