// A cron job that must not run twice at once: a lock file.
const fs = require("node:fs");

const LOCK = "batch.lock";
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function lock() {
  for (;;) {
    try {
      fs.writeFileSync(LOCK, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      await sleep(100);
    }
  }
}

async function ask(job) {
  const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
    body: JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: job.prompt }] }),
  });
  const answer = await response.json();
  fs.writeFileSync(job.job, answer.choices[0].message.content);
}

(async () => {
  await lock();
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  for (const job of jobs) {
    if (fs.existsSync(job.job)) continue;
    await ask(job).catch((error) => console.log(job.job, "failed:", error.message));
    await sleep(100);
  }
  fs.unlinkSync(LOCK);
})();
