// The simulator as a process, as a user starts it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import assert from "node:assert/strict";

export const [KEY, SECRET, REGION] = ["testid", "testsecret", "cn-hangzhou"];

/** Runs `imagecache eci simulate` on a free port until it is closed. */
export async function simulator(...options) {
  const process_ = spawn(process.env.IMAGECACHE, ["eci", "simulate", "--listen", "127.0.0.1:0", ...options]);
  let [said, greeting] = ["", ""];
  process_.stderr.on("data", (text) => (said += text));
  const ended = once(process_, "exit");
  const port = await new Promise((resolve, reject) => {
    process_.stdout.on("data", (text) => {
      greeting += text;
      const found = greeting.match(/http:\/\/127\.0\.0\.1:(\d+)/);
      if (found) resolve(Number(found[1]));
    });
    process_.on("exit", (code) => reject(new Error(`the simulator ended with ${code}: ${said}`)));
  });
  return {
    port,
    async close() {
      process_.kill("SIGTERM");
      const [code] = await ended;
      assert.equal(code, 0, said);
      assert.ok(!said.includes(SECRET), "a secret was logged");
    },
  };
}
