// Lets what waits at promises, timers and answers change places: seeded delays in the program's own code only.
//
// Required by `deadheat audit --perturb node` through NODE_OPTIONS. It may not change what a program computes, only when:
// whatever goes wrong here leaves it undisturbed.
"use strict";
try {
  const seed = Number(process.env.DEADHEAT_PERTURB_SEED) >>> 0;
  // Even seeds delay often and briefly, odd ones rarely and long.
  const rare = seed % 2 === 1;
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  // What a run may lose: looks, and milliseconds of delay in all.
  let looks = 20000;
  let left = 2000;
  const { setTimeout: later, setImmediate: soon, Promise: Plain } = globalThis;
  const then = Plain.prototype.then;

  const own = () => {
    if (looks-- <= 0) return false;
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 4;
    const line = (new Error().stack || "").split("\n")[3] || "";
    Error.stackTraceLimit = limit;
    return line !== "" && !line.includes("node:") && !line.includes("node_modules") && !line.includes("<anonymous>)");
  };
  // Milliseconds, mostly none.
  const delay = () => {
    if (left <= 0 || random() >= (rare ? 0.25 : 0.5)) return 0;
    const chosen = (rare ? 10 : 1) * 2 ** Math.floor(random() * 4);
    left -= chosen;
    return chosen;
  };
  const wait = (ms) => new Plain((resolve) => later(resolve, ms));

  Plain.prototype.then = function (fulfilled, rejected) {
    const ms = own() ? delay() : 0;
    if (ms === 0) return then.call(this, fulfilled, rejected);
    const held = then.call(
      this,
      (value) => then.call(wait(ms), () => value),
      (error) => then.call(wait(ms), () => { throw error; }),
    );
    return then.call(held, fulfilled, rejected);
  };

  const timer = (original) => function (callback, ms, ...rest) {
    return original.call(this, callback, (Number(ms) || 0) + (own() ? delay() : 0), ...rest);
  };
  const { promisify } = require("node:util");
  const kept = later[promisify.custom];
  globalThis.setTimeout = timer(later);
  if (kept) {
    const slower = (ms, value, options) => kept((Number(ms) || 0) + delay(), value, options);
    Object.defineProperty(globalThis.setTimeout, promisify.custom, { value: slower });
  }
  const custom = soon[promisify.custom];
  globalThis.setImmediate = function (callback, ...rest) {
    return soon.call(this, callback, ...rest);
  };
  if (custom) Object.defineProperty(globalThis.setImmediate, promisify.custom, { value: custom });

  if (typeof globalThis.fetch === "function") {
    const fetch = globalThis.fetch;
    const slowed = async (value) => {
      const ms = delay();
      if (ms > 0) await wait(ms);
      return value;
    };
    globalThis.fetch = async function (...request) {
      await slowed();
      const answer = await fetch.apply(this, request);
      return slowed(answer);
    };
    for (const name of ["json", "text", "arrayBuffer"]) {
      const read = globalThis.Response.prototype[name];
      globalThis.Response.prototype[name] = async function () {
        return slowed(await read.call(this));
      };
    }
  }
  require("node:fs").writeFileSync(require("node:path").join(__dirname, "loaded"), "");
} catch {
  // Undisturbed, then.
}
