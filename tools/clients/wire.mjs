// What the npm suites share.
import { readFileSync } from "node:fs";

export const server = process.env.GLMV_SCRIPTED ?? "";
if (!server) throw new Error("GLMV_SCRIPTED is not set: start the suites by tools/clients/run");
export const root = process.env.GLMV_ROOT ?? process.cwd();
export const picture = () =>
  "data:image/png;base64," +
  readFileSync(root + "/examples/pictures/shapes.png").toString("base64");

// A call as the model writes it; values that are no strings are written in JSON.
export const callText = (name, values = {}) =>
  `<tool_call>${name}` +
  Object.entries(values)
    .map(([key, value]) => `\n<arg_key>${key}</arg_key>\n<arg_value>${value}</arg_value>`)
    .join("") +
  "\n</tool_call>";

export const weather = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
};

export const metric = async (name) => {
  const text = await (await fetch(server + "/metrics")).text();
  const rows = text.split("\n").filter((row) => row.startsWith(`glmv:${name}{`));
  return rows.reduce((sum, row) => sum + Number(row.split(" ").at(-1)), 0);
};

// Whether `condition` became true within a second.
export const soon = async (condition) => {
  for (const end = Date.now() + 1000; Date.now() < end;) {
    if (await condition()) return true;
    await new Promise((done) => setTimeout(done, 10));
  }
  return false;
};
