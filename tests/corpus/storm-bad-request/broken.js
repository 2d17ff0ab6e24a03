// "It works if you try often enough."
const fs = require("node:fs");
const OpenAI = require("openai");

const client = new OpenAI({ maxRetries: 0, timeout: 20_000 });

async function stubborn(job) {
  const options = { headers: { "Idempotency-Key": `${job.job}-${process.pid}` } };
  let last;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      return await client.chat.completions.create(
        { model: "gpt-4.1", messages: [{ role: "user", content: job.prompt }] },
        options,
      );
    } catch (error) {
      last = error;
      const seconds = Number(error.headers?.get("retry-after") ?? 0);
      const ms = Number(error.headers?.get("retry-after-ms") ?? 0);
      await new Promise((resolve) => setTimeout(resolve, Math.max(100, 1000 * seconds, ms)));
    }
  }
  throw last;
}

(async () => {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const done = await Promise.allSettled(jobs.map(stubborn));
  for (const [n, one] of done.entries()) if (!one.value?.choices) console.log(`${jobs[n].job} failed: ${one.reason?.message}`);
})();
