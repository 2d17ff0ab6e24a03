// Moderates comments. AbortSignal.timeout, and once more if no answer came.
const fs = require("node:fs");

async function moderate(job, tries = 2) {
  try {
    const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
      body: JSON.stringify({ model: "gpt-4.1-nano", messages: [{ role: "user", content: job.prompt }] }),
      signal: AbortSignal.timeout(1_200),
    });
    return { status: response.status, answer: await response.json() };
  } catch (error) {
    // It may have been accepted: only who never got through asks again.
    if (tries > 1 && error.cause?.code === "ECONNREFUSED") return moderate(job, tries - 1);
    throw error;
  }
}

(async () => {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  await Promise.all(
    jobs.map((job) =>
      moderate(job)
        .then(({ status, answer }) => answer.choices || console.log(job.job, "HTTP", status))
        .catch((error) => console.log(job.job, error.name)),
    ),
  );
})();
