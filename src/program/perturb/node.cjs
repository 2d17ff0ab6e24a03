// Lets what a program waits for come late: seeded delays where the outside world answers, and nowhere else.
//
// Required by `deadheat audit --perturb node` through NODE_OPTIONS. Only such orders may come about as the network, the
// disk and a busy machine can bring about without it: promises, ticks, timers and events are not touched, bytes of one
// connection keep their order, and what was late comes back in the phase of the loop in which input and output come.
// Whatever goes wrong here leaves the program undisturbed.
"use strict";
try {
  const dns = require("node:dns");
  const fs = require("node:fs");
  const net = require("node:net");
  const path = require("node:path");
  const { syncBuiltinESMExports } = require("node:module");
  const { setTimeout, Promise, Atomics, SharedArrayBuffer, Int32Array } = globalThis;
  const { stat, writeFileSync } = fs;
  const then = Promise.prototype.then;

  // A process that only starts the program is not it.
  let script = process.argv[1] || "";
  try {
    script = fs.realpathSync(script);
  } catch {
    // No file, or one whose name is not whole.
  }
  const starter = /[\\/](node_modules[\\/](npm|pnpm|yarn|corepack)|\.yarn[\\/]releases)[\\/]/.test(script);
  if (!starter) {
    disturb();
    writeFileSync(path.join(__dirname, "loaded"), "");
  }

  function disturb() {
    const seed = Number(process.env.DEADHEAT_PERTURB_SEED) >>> 0;
    // Even seeds delay often and briefly, odd ones rarely and long.
    const rare = seed % 2 === 1;
    const draws = (state) => () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
    const random = draws((seed ^ 0x9e3779b9) >>> 0);
    const chance = draws((seed ^ 0x85ebca6b) >>> 0);
    // What a run may lose, in milliseconds: late answers in all, and the loop held up in all.
    let late = 2000;
    let stuck = 250;

    let told = false;
    const tell = () => {
      if (told) return;
      told = true;
      try {
        writeFileSync(path.join(__dirname, "paused"), "");
      } catch {
        // Then it counts as undisturbed.
      }
    };
    // Milliseconds. Node keeps one list for all timers of one length, and a late one takes younger ones of its list along:
    // these are lengths that no program asks for.
    const lengths = rare ? [17, 29, 43, 83] : [3, 7, 11, 13];
    // Mostly none.
    const delay = () => {
      if (late <= 0 || random() >= (rare ? 0.25 : 0.5)) return 0;
      const chosen = lengths[Math.floor(random() * lengths.length)];
      late -= chosen;
      tell();
      return chosen;
    };
    // Goes on after so long where it would have gone on: among other input and output, not among timers.
    const after = (ms, go) => {
      const arrive = () => stat(__filename, () => go());
      if (ms > 0) setTimeout(arrive, ms);
      else arrive();
    };
    const promised = (promise, ms) =>
      new Promise((resolve, reject) => {
        then.call(
          promise,
          (value) => after(ms, () => resolve(value)),
          (error) => after(ms, () => reject(error)),
        );
      });

    // Connections and pipes: all that fetch, http and https bring. Headers may come before their body.
    const push = net.Socket.prototype.push;
    const waiting = new WeakMap();
    const headers = (chunk) => {
      const end = Buffer.isBuffer(chunk) && chunk.length < 1 << 20 ? chunk.indexOf("\r\n\r\n") + 4 : 0;
      return end > 3 && end < chunk.length && chunk.subarray(0, 5).toString("latin1") === "HTTP/" ? end : 0;
    };
    const hold = (socket, parts) => {
      const queue = waiting.get(socket) || [];
      queue.push(...parts);
      if (waiting.has(socket)) return;
      waiting.set(socket, queue);
      const next = () => {
        if (queue.length === 0) return void waiting.delete(socket);
        after(queue[0].ms, () => {
          const { chunk, encoding } = queue.shift();
          if (socket.destroyed) {
            queue.length = 0;
          } else {
            push.call(socket, chunk, encoding);
            // As after every end of a connection: there may be no reader just now.
            if (chunk === null) socket.read(0);
          }
          next();
        });
      };
      next();
    };
    net.Socket.prototype.push = function (chunk, encoding) {
      const ms = chunk === null ? 0 : delay();
      const end = headers(chunk);
      const between = end > 0 ? delay() : 0;
      const part = (bytes, ms) => ({ chunk: bytes, encoding, ms });
      const parts = between > 0 ? [part(chunk.subarray(0, end), ms), part(chunk.subarray(end), between)] : [part(chunk, ms)];
      if (ms > 0 || waiting.has(this)) {
        hold(this, parts);
        return true;
      }
      const room = push.call(this, parts[0].chunk, encoding);
      if (between > 0) hold(this, parts.slice(1));
      return between > 0 || room;
    };

    // Files and names.
    const lateOnes = (owner, names) => {
      for (const name of names.split(" ")) {
        const original = owner[name];
        if (typeof original !== "function") continue;
        const slower = function (...given) {
          const done = given[given.length - 1];
          const called = typeof done === "function";
          const ms = delay();
          if (ms > 0 && called) {
            given[given.length - 1] = function (...result) {
              after(ms, () => Reflect.apply(done, this, result));
            };
          }
          const result = Reflect.apply(original, this, given);
          return ms > 0 && !called && result instanceof Promise ? promised(result, ms) : result;
        };
        owner[name] = Object.defineProperties(slower, Object.getOwnPropertyDescriptors(original));
      }
    };
    const files =
      "access appendFile copyFile link lstat mkdir mkdtemp open readFile readdir realpath rename rm rmdir stat truncate unlink writeFile";
    lateOnes(fs, files + " exists read write");
    lateOnes(fs.promises, files);
    lateOnes(dns, "lookup");
    lateOnes(dns.promises, "lookup");
    syncBuiltinESMExports();

    // A busy machine: the whole loop stands still for a while. What is due meanwhile comes late, in its order.
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const arm = () => setTimeout(stand, [19, 23, 31][Math.floor(3 * chance())]).unref();
    const stand = () => {
      const ms = 2 ** Math.floor(chance() * (rare ? 5 : 3));
      stuck -= ms;
      Atomics.wait(cell, 0, 0, ms);
      if (stuck > 0) arm();
    };
    arm();
  }
} catch {
  // Undisturbed, then.
}
